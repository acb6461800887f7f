package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestRecordsOfAChainReadBack(t *testing.T) {
	name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "Patient/" + sealedID(1), "/" + sealedID(2), "a/b/" + sealedID(3),
		"Patient/" + sealedID(1)[1:], "DocumentReference/" + sealedID(4)}))
	record := rapid.Custom(func(t *rapid.T) Record {
		return Record{
			At:        time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "at")).UTC(),
			RequestID: rapid.String().Draw(t, "request"), Partner: name.Draw(t, "partner"), Purposes: rapid.SliceOfN(name, 0, 3).Draw(t, "purposes"),
			Interaction: name.Draw(t, "interaction"), Status: rapid.IntRange(100, 599).Draw(t, "status"), Client: name.Draw(t, "client"),
			ChartVersion: name.Draw(t, "version"),
			Consents: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ConsentUse {
				return ConsentUse{Reference: name.Draw(t, "consent"), Version: [32]byte{rapid.Byte().Draw(t, "digest")}}
			}), 0, 3).Draw(t, "consents"),
			Released:    rapid.SliceOfN(name, 0, 8).Draw(t, "released"),
			Withheld:    rapid.MapOfN(name, rapid.Uint32(), 0, 3).Draw(t, "withheld"),
			Accountable: rapid.Bool().Draw(t, "accountable"), ToIndividual: rapid.Bool().Draw(t, "individual"), Authorized: rapid.Bool().Draw(t, "authorized"),
			Part2:  rapid.Bool().Draw(t, "part 2"),
			Digest: [32]byte{rapid.Byte().Draw(t, "digest")},
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		e, d := newEncoder(), decoder{}
		for i, want := range rapid.SliceOfN(record, 1, 8).Draw(t, "records") {
			if rapid.IntRange(0, 5).Draw(t, "fault") == 0 {
				_ = e.encode(&Record{Partner: "lost with a failed commit"})
				e.forget()
			}
			got, err := d.decode(e.encode(&want))
			if err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("record %d: %s", i, diff)
			}
		}
	})
}

func TestAnAnswerOfFiftyTakesLessThanAKilobyte(t *testing.T) {
	e := newEncoder()
	r := sample(1, 50)
	first := len(e.encode(&r))
	again := len(e.encode(&r))
	t.Logf("first %d bytes, again %d bytes", first, again)
	if first > 3000 {
		t.Errorf("the first record about a chart takes %d bytes", first)
	}
	if again > 256 {
		t.Errorf("a further record about it takes %d bytes", again)
	}
}

func TestNamesBeginAgainBeforeTheyGrowTooMany(t *testing.T) {
	e, d := newEncoder(), decoder{}
	for i := 0; len(e.names.numbers) <= maxNames; i++ {
		r := Record{At: instantOf(0), Interaction: "x", Status: 200}
		for j := range 5000 {
			r.Released = append(r.Released, fmt.Sprint(i, "/", j))
		}
		if _, err := d.decode(e.encode(&r)); err != nil {
			t.Fatal(err)
		}
	}
	r := sample(1, 50)
	got, err := d.decode(e.encode(&r))
	if diff := cmp.Diff(r, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	if len(e.names.numbers) > 100 || len(d.names.texts) > 100 {
		t.Errorf("%d names written, %d read", len(e.names.numbers), len(d.names.texts))
	}
}

func TestDamagedRecordsAreRefused(t *testing.T) {
	r := sample(1, 3)
	good := newEncoder().encode(&r)
	for i := range good {
		if _, err := new(decoder).decode(good[:i]); err == nil {
			t.Errorf("a record cut to %d of %d bytes was read", i, len(good))
		}
	}
	for name, b := range map[string][]byte{
		"a byte more":             append(append([]byte{}, good...), 0),
		"another version":         append([]byte{9}, good[1:]...),
		"unknown flags":           append([]byte{formatVersion, 0x81}, good[2:]...),
		"names without beginning": append([]byte{formatVersion, 0}, good[2:]...),
		"nothing":                 nil,
	} {
		if _, err := new(decoder).decode(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := sample(1, 3)
	f.Add(newEncoder().encode(&r))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{}
		if _, err := d.decode(b); err == nil {
			_, _ = d.decode(b)
		}
	})
}

func TestAccountable(t *testing.T) {
	const treat, pay, legal = actReason + "|TREAT", actReason + "|HPAYMT", actReason + "|HLEGAL"
	for _, c := range []struct {
		name                             string
		purposes                         []string
		toIndividual, underAuthorisation bool
		want                             bool
	}{
		{"treatment", []string{treat}, false, false, false},
		{"treatment and payment", []string{treat, pay}, false, false, false},
		{"treatment and something else", []string{treat, legal}, false, false, true},
		{"something else", []string{legal}, false, false, true},
		{"a code of another system", []string{"http://example.org|TREAT"}, false, false, true},
		{"no purpose", nil, false, false, true},
		{"to the individual", nil, true, false, false},
		{"under an authorisation", []string{legal}, false, true, false},
	} {
		if got := Accountable(c.purposes, c.toIndividual, c.underAuthorisation); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
