package outcome

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	"github.com/google/go-cmp/cmp"
)

func TestEveryKindHasItsStatusAndIssue(t *testing.T) {
	bearer, dpop := `Bearer realm="fhir"`, `DPoP realm="fhir", algs="RS256 RS384 ES256 ES384"`
	for kind, want := range map[Kind]struct {
		status  int
		code    string
		headers []Header
	}{
		Internal:             {500, "exception", nil},
		NoToken:              {401, "login", []Header{{"WWW-Authenticate", bearer}}},
		InvalidToken:         {401, "unknown", []Header{{"WWW-Authenticate", bearer + `, error="invalid_token"`}}},
		ExpiredToken:         {401, "expired", []Header{{"WWW-Authenticate", bearer + `, error="invalid_token"`}}},
		BearerRefused:        {401, "unknown", []Header{{"WWW-Authenticate", dpop + `, error="invalid_token"`}}},
		InvalidProof:         {401, "unknown", []Header{{"WWW-Authenticate", dpop + `, error="invalid_dpop_proof"`}}},
		InsufficientScope:    {403, "forbidden", []Header{{"WWW-Authenticate", bearer + `, error="insufficient_scope"`}}},
		InvalidParameter:     {400, "invalid", nil},
		InvalidRequest:       {400, "structure", nil},
		NoClientNamed:        {400, "required", nil},
		NotFound:             {404, "not-found", nil},
		UnknownRoute:         {404, "not-supported", nil},
		MethodNotAllowed:     {405, "not-supported", nil},
		NotAcceptable:        {406, "not-supported", nil},
		UnsupportedMediaType: {415, "not-supported", nil},
		TooLarge:             {413, "too-long", nil},
		QueryTooLong:         {414, "too-long", nil},
		TooManyRequests:      {429, "throttled", []Header{{"Retry-After", "5"}}},
		Unavailable:          {503, "transient", []Header{{"Retry-After", "5"}}},
		kinds + 7:            {500, "exception", nil},
	} {
		a := New(kind, errors.New("secret")).Answer()
		if a.Status != want.status || !bytes.Contains(a.Body, []byte(`"code":"`+want.code+`"`)) {
			t.Errorf("kind %d: %d %s, want %d %s", kind, a.Status, a.Body, want.status, want.code)
		}
		if diff := cmp.Diff(want.headers, a.Headers); diff != "" {
			t.Errorf("kind %d: %s", kind, diff)
		}
	}
}

func TestEveryBodyIsAValidOperationOutcome(t *testing.T) {
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	errs := []*Error{Parameter("birthdate", "the value is malformed", nil), Parameter("", "the search must name its client (patient, subject or _id)", nil), Parameter("_sort:x", "", nil)}
	for k := range kinds {
		errs = append(errs, New(k, nil))
	}
	for _, e := range errs {
		if _, err := u.Unmarshal(bytes.Clone(e.Answer().Body)); err != nil {
			t.Errorf("google/fhir refuses %s: %v", e.Answer().Body, err)
		}
	}
}

func TestACauseIsKeptAndNeverSent(t *testing.T) {
	cause := errors.New("Jane Roe, row 17")
	for k := range kinds {
		e := New(k, cause)
		if !errors.Is(e, cause) {
			t.Errorf("kind %d loses its cause", k)
		}
		if text := fmt.Sprint(e) + string(e.Answer().Body); strings.Contains(text, "Jane") {
			t.Errorf("kind %d shows its cause: %s", k, text)
		}
		if with, without := e.Answer(), New(k, nil).Answer(); !cmp.Equal(with, without) {
			t.Errorf("kind %d depends on its cause", k)
		}
	}
}

func TestAParameterIsNamedIfItsNameIsOne(t *testing.T) {
	const problem = "the value is malformed"
	for name, want := range map[string]string{
		"birthdate":             `"diagnostics":"birthdate: the value is malformed"`,
		"_sort":                 `"diagnostics":"_sort: the value is malformed"`,
		"patient.birthdate:not": `"diagnostics":"patient.birthdate:not: the value is malformed"`,
		"":                      `"diagnostics":"the value is malformed"`,
		`x","y":"`:              `"diagnostics":"the value is malformed"`,
		"1985-03-04":            `"diagnostics":"the value is malformed"`,
		strings.Repeat("a", 65): `"diagnostics":"the value is malformed"`,
	} {
		if body := string(Parameter(name, problem, nil).Answer().Body); !strings.Contains(body, want) {
			t.Errorf("%q: %s", name, body)
		}
	}
	if body := string(Parameter("date", `"Jane" 7`, nil).Answer().Body); strings.Contains(body, "Jane") {
		t.Errorf("a problem that is no fixed text is sent: %s", body)
	}
}

func TestOfGivesEveryErrorAKind(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"an error of ours":     {fmt.Errorf("wrapped: %w", New(NotFound, nil)), NotFound},
		"a foreign error":      {errors.New("x"), Internal},
		"a passed deadline":    {fmt.Errorf("x: %w", context.DeadlineExceeded), Unavailable},
		"a request that ended": {context.Canceled, Unavailable},
	} {
		if got := Of(c.err).Kind(); got != c.want {
			t.Errorf("%s: kind %d, want %d", name, got, c.want)
		}
	}
	if Of(nil) != nil {
		t.Error("nil has a kind")
	}
}

func TestHeadersThatBelongToOneError(t *testing.T) {
	if diff := cmp.Diff([]Header{{"Allow", "GET, HEAD"}}, Method("GET, HEAD").Answer().Headers); diff != "" {
		t.Error(diff)
	}
	for after, want := range map[time.Duration]string{0: "5", time.Millisecond: "1", 90 * time.Second: "90", -time.Second: "5"} {
		if diff := cmp.Diff([]Header{{"Retry-After", want}}, Retry(TooManyRequests, after, nil).Answer().Headers); diff != "" {
			t.Error(diff)
		}
	}
	if h := Retry(NotFound, time.Second, nil).Answer().Headers; h != nil {
		t.Errorf("a 404 has %v", h)
	}
}
