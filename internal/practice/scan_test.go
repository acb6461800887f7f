package practice

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScanTakesWhatFitsAndGuessesNothing(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) *Value {
		when, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return &Value{Time: when.UTC()}
	}
	text := func(s string) *Value { return &Value{Text: s} }
	cases := []struct {
		typ  ColumnType
		src  any
		want *Value // nil: it does not fit
	}{
		{Int, int64(-3), &Value{Int: -3}}, {Int, "42", &Value{Int: 42}}, {Int, 7.0, &Value{Int: 7}},
		{Int, "042", nil}, {Int, "4 2", nil}, {Int, 7.5, nil}, {Int, 1e300, nil}, {Int, true, nil}, {Int, "", nil},
		{Bool, int64(1), &Value{Bool: true}}, {Bool, int64(0), &Value{}}, {Bool, true, &Value{Bool: true}}, {Bool, int64(2), nil}, {Bool, "true", nil},
		{Text, "é", text("é")}, {Text, int64(12), text("12")}, {Text, []byte("x"), text("x")}, {Text, "\xff", nil}, {Text, 1.5, nil},
		{Decimal, 1.5, text("1.5")}, {Decimal, int64(2), text("2")}, {Decimal, "2.50", text("2.50")}, {Decimal, 1e21, text("1000000000000000000000")},
		{Decimal, "1e5", nil}, {Decimal, "01", nil}, {Decimal, "1.", nil}, {Decimal, ".5", nil}, {Decimal, "-", nil}, {Decimal, "NaN", nil},
		{Date, "2026-02-28", text("2026-02-28")}, {Date, "2026-02", text("2026-02")}, {Date, int64(2026), text("2026")}, {Date, "2026-11-02 00:00:00", text("2026-11-02")},
		{Date, "2026-02-29", nil}, {Date, "2026-13", nil}, {Date, "2026-11-02 10:00:00", nil}, {Date, "0000", nil}, {Date, int64(20261102), nil}, {Date, "02.11.2026", nil},
		{LocalTime, "2026-07-01 09:30:15", at("2026-07-01T13:30:15Z")}, {LocalTime, "2026-01-01T09:30", at("2026-01-01T14:30:00Z")},
		{LocalTime, "2026-01-01 09:30:15.250", at("2026-01-01T14:30:15.25Z")}, {LocalTime, time.Date(2026, 1, 1, 9, 30, 0, 0, time.UTC), at("2026-01-01T14:30:00Z")},
		{LocalTime, "2026-02-30 09:30:00", nil}, {LocalTime, "2026-01-01 24:00:00", nil}, {LocalTime, "2026-01-01", nil}, {LocalTime, "2026-01-01 09:30:00Z", nil},
		{LocalTime, "2026-01-01 09:30:60", nil}, {LocalTime, "2026-01-01 9:30:00", nil}, {LocalTime, "2026-01-01 09:30:00.", nil}, {LocalTime, int64(1767277800), nil},
		{Instant, "2026-07-01T09:30:15Z", at("2026-07-01T09:30:15Z")}, {Instant, "2026-07-01 09:30:15+02:00", at("2026-07-01T07:30:15Z")},
		{Instant, "2026-07-01T09:30:15", nil}, {Instant, "2026-07-01", nil},
		{Bytes, []byte{1}, &Value{Bytes: []byte{1}}}, {Bytes, int64(1), nil},
		{List, `["a",2]`, &Value{List: []string{"a", "2"}}}, {List, `[]`, &Value{List: []string{}}},
		{List, `[null]`, nil}, {List, `null`, nil}, {List, `["a"] x`, nil}, {List, `[["a"]]`, nil}, {List, `a`, nil}, {List, `[true]`, nil},
	}
	for _, c := range cases {
		got := Value{Text: "of before"}
		err := Scan(&got, &Column{Name: "c", Type: c.typ}, c.src, newYork)
		if c.want == nil {
			if err == nil {
				t.Errorf("%s takes %v", c.typ, c.src)
			}
			if !got.IsNull() || got.Text != "" {
				t.Errorf("%s %v leaves a value behind", c.typ, c.src)
			}
			continue
		}
		c.want.Type = c.typ
		if err != nil {
			t.Errorf("%s does not take %v", c.typ, c.src)
		} else if d := cmp.Diff(*c.want, got); d != "" {
			t.Errorf("%s %v (-want +got)\n%s", c.typ, c.src, d)
		}
	}
}

func TestNullNeedsANullableColumn(t *testing.T) {
	for _, typ := range []ColumnType{Int, Text, Decimal, Bool, Date, LocalTime, Instant, Bytes, List, Items} {
		v := Value{Type: typ}
		if Scan(&v, &Column{Type: typ}, nil, time.UTC) == nil {
			t.Errorf("%s takes null", typ)
		}
		if Scan(&v, &Column{Type: typ, Nullable: true}, nil, time.UTC) != nil || !v.IsNull() {
			t.Errorf("%s? does not take null", typ)
		}
	}
	if Scan(&Value{}, &Column{Type: "nonsense"}, "x", time.UTC) == nil {
		t.Error("an unknown type takes a value")
	}
}

func TestItemsHaveTheirDeclaredFields(t *testing.T) {
	c := Column{Name: "c", Type: Items, Fields: []Column{{Name: "a", Type: Text}, {Name: "n", Type: Decimal, Nullable: true}}}
	var v Value
	if err := Scan(&v, &c, `[{"a":"x","n":1.50,"other":true},{"a":"y"}]`, time.UTC); err != nil {
		t.Fatal(err)
	}
	want := [][]Value{{{Type: Text, Text: "x"}, {Type: Decimal, Text: "1.50"}}, {{Type: Text, Text: "y"}, {}}}
	if d := cmp.Diff(want, v.Items); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	for bad, misfit := range map[string]string{`[{"n":1}]`: "c.a", `[{"a":null}]`: "c.a", `["x"]`: "c", `[null]`: "c", `{"a":"x"}`: "c", `[{"a":"x","n":"one"}]`: "c.n", `[{"a":{"b":1}}]`: "c.a"} {
		err := Scan(&v, &c, bad, time.UTC)
		if err == nil {
			t.Errorf("takes %s", bad)
		} else if got := Misfit(&c, err); got != misfit || err.Error() != errValue.Error() {
			t.Errorf("%s does not fit %s, want %s: %v", bad, got, misfit, err)
		}
	}
}

func TestAClientKeyHasOneForm(t *testing.T) {
	cases := map[string]struct {
		v    Value
		want ClientKey
		ok   bool
	}{
		"number":       {Value{Type: Int, Int: 7}, "7", true},
		"UUID":         {Value{Type: Text, Text: "6F9619FF-8B86-D011-B42D-00C04FC964FF"}, "6f9619ff-8b86-d011-b42d-00c04fc964ff", true},
		"text as is":   {Value{Type: Text, Text: "MRN-A"}, "MRN-A", true},
		"empty":        {Value{Type: Text}, "", false},
		"null":         {Value{}, "", false},
		"another type": {Value{Type: Date, Text: "2026"}, "", false},
	}
	for name, c := range cases {
		if got, ok := CanonicalClient(c.v); got != c.want || ok != c.ok {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}
