package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/conformance/missing"
)

// needsNode skips a test where node or the npm packages are not installed.
func needsNode(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing.Skip(t, "node")
	}
	if _, err := os.Stat(filepath.Join("node_modules", "oidc-provider")); err != nil {
		missing.Skip(t, "the npm packages (conformance/setup)")
	}
}

// hasNode tells whether they are.
func hasNode() bool {
	_, missing := exec.LookPath("node")
	_, empty := os.Stat(filepath.Join("node_modules", "oidc-provider"))
	return missing == nil && empty == nil
}

// node runs one of the scripts with the input and gives what it prints. What it prints when it fails is cut: the libraries repeat their own
// source.
func node(t testing.TB, script string, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("node", append([]string{script}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		var lines []byte
		for line := range bytes.Lines(errOut.Bytes()) {
			if len(line) < 300 {
				lines = append(lines, line...)
			}
		}
		t.Fatalf("%s: %v\n%.2000s", script, err, lines)
	}
	return out.Bytes()
}

// TestClientsThatNobodyHereWrote lets fhir-kit-client and MedplumClient discover the server, get a token, read, search and page.
func TestClientsThatNobodyHereWrote(t *testing.T) {
	needsNode(t)
	d := sharedDemo(t)
	p := d.partner(t, harbor)
	// A client with enough documents to page through; the story's own has revoked.
	patient, want := "", []string(nil)
	for _, c := range d.Clients {
		if got, _ := d.as(t, harbor).all(t, "DocumentReference?_count=200&patient="+c.ID); len(got) > len(want) {
			patient, want = c.ID, refs(got)
		}
	}
	if len(want) < 6 {
		t.Fatalf("no client has documents to page through: %d", len(want))
	}
	private, err := os.ReadFile(p.PrivateJWK)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{"base": d.FHIRBase, "partnerId": p.PartnerID, "scope": p.Scopes, "privateJwk": json.RawMessage(private), "patient": patient})
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		FHIRVersion          string
		Whole, Paged, Posted []string
		Read, Author         string
		Unknown              int

		Everything, EverythingPosted, Docref, DocrefPosted, Compartment, Can, Operations []string
		Refused                                                                          map[string]int
		Searches                                                                         bool
	}
	var got struct{ FHIRKit, Medplum result }
	if err := json.Unmarshal(node(t, "partner.mjs", settings), &got); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]result{"fhir-kit-client": got.FHIRKit, "MedplumClient": got.Medplum} {
		for how, ids := range map[string][]string{"whole": r.Whole, "by pages": r.Paged} {
			slices.Sort(ids)
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("%s, %s, gets other documents (-want +got):\n%s", name, how, diff)
			}
		}
		if r.Read != "Patient/"+patient || r.Author != "Practitioner" {
			t.Errorf("%s: read %s, author %s", name, r.Read, r.Author)
		}
	}
	slices.Sort(got.FHIRKit.Posted)
	if diff := cmp.Diff(want, got.FHIRKit.Posted); diff != "" {
		t.Errorf("by POST (-want +got):\n%s", diff)
	}
	ask := d.as(t, harbor)
	current, _ := ask.all(t, "DocumentReference?_count=200&status=current&patient="+patient)
	whole, _ := ask.all(t, "Patient/"+patient+"/$everything?_count=200")
	there := map[string]bool{}
	for _, r := range whole {
		there[r.ref()] = true
	}
	for _, r := range ask.chart(t, patient) {
		if !there[r.ref()] {
			t.Errorf("$everything has no %s of the chart", r.Type)
		}
	}
	for how, c := range map[string]struct{ want, got []string }{
		"$everything": {refs(whole), got.FHIRKit.Everything}, "$everything by POST": {refs(whole), got.FHIRKit.EverythingPosted},
		"$docref": {refs(current), got.FHIRKit.Docref}, "$docref by POST": {refs(current), got.FHIRKit.DocrefPosted}, "the compartment": {want, got.FHIRKit.Compartment},
		"what it can":    {[]string{"read", "search-type"}, got.FHIRKit.Can},
		"the operations": {[]string{"docref", "everything"}, got.FHIRKit.Operations},
	} {
		slices.Sort(c.got)
		if diff := cmp.Diff(c.want, c.got); diff != "" || len(c.want) == 0 {
			t.Errorf("%s (-want +got):\n%s", how, diff)
		}
	}
	if diff := cmp.Diff(map[string]int{"vread": 404, "create": 405, "system": 405, "transaction": 400}, got.FHIRKit.Refused); diff != "" || !got.FHIRKit.Searches {
		t.Errorf("what is refused (-want +got):\n%s", diff)
	}
	if got.FHIRKit.FHIRVersion != "4.0.1" || got.FHIRKit.Unknown != 404 {
		t.Errorf("FHIR version %q, unknown id %d", got.FHIRKit.FHIRVersion, got.FHIRKit.Unknown)
	}
}

// TestTheSMARTClientReads lets fhirclient, SMART's own JavaScript library, read as a backend service with a token, over pages and with references
// resolved, as an app with a launch patient, and the content of a document; the latter by fhir-kit-client, too.
func TestTheSMARTClientReads(t *testing.T) {
	needsNode(t)
	c := sharedClinic(t)
	id := c.id(t, c.practice.Story.Referred)
	backend, app := c.as(t, newDawn), c.person(t, id, "Patient/"+id)
	reader, document := aDocumentWithABinary(t, c)
	binary := urlsOf(document)[0]
	settings, err := json.Marshal(map[string]any{
		"content": map[string]string{"token": reader.token, "document": document.ref()},
		"base":    c.base, "backend": map[string]string{"token": backend.token, "patient": id}, "app": map[string]string{"token": app.token, "patient": id},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Backend struct {
			Flat, Graph, References []string
			Pages, FHIRVersion      any
			Read                    string
			Unknown, WithoutPatient any
			Create                  any
		}
		App struct {
			Read                   string
			Observations, Consents []string
		}
		Content struct{ Native, Resource, Kit, URL, Unknown any }
	}
	if err := json.Unmarshal(node(t, "smart-client.mjs", settings), &got); err != nil {
		t.Fatal(err)
	}
	documents, _ := backend.all(t, "DocumentReference?_count=200&patient="+id)
	if diff := cmp.Diff(refs(documents), got.Backend.Flat); diff != "" || len(documents) < 7 {
		t.Errorf("over the pages it gets other documents (-want +got):\n%s", diff)
	}
	if want := float64((len(documents) + 2) / 3); got.Backend.Pages != want {
		t.Errorf("%v pages, want %v", got.Backend.Pages, want)
	}
	if want := []string{"Patient Practitioner", "Patient Practitioner"}; !slices.Equal(got.Backend.Graph, want) {
		t.Errorf("the references of the Encounters became %v", got.Backend.Graph)
	}
	if !slices.Contains(got.Backend.References, "Patient") || !slices.Contains(got.Backend.References, "Practitioner") {
		t.Errorf("beside the Encounters it resolved %v", got.Backend.References)
	}
	if got.Backend.Read != "Patient/"+id || got.Backend.Unknown != 404.0 || got.Backend.WithoutPatient != "Patient is not available" || got.Backend.FHIRVersion != "4.0.1" || got.Backend.Create != 405.0 {
		t.Errorf("as a backend service: %+v", got.Backend)
	}
	observations, _ := app.all(t, "Observation?_count=200&patient="+id)
	consents, _ := app.all(t, "Consent?_count=200&patient="+id)
	content := reader.get(t, binary)
	sum := sha256.Sum256(content.body)
	digest := hex.EncodeToString(sum[:])
	if g := got.Content; content.status != 200 || len(content.body) < 1000 || g.Native != digest || g.Resource != digest || g.Kit != digest || g.URL != binary || g.Unknown != 404.0 {
		t.Errorf("the content of a document (%d, %d bytes of %s) is other bytes to a client: as they are %v, as a resource %v, to fhir-kit-client %v; an unknown Binary: %v", content.status,
			len(content.body), content.header.Get("Content-Type"), g.Native == digest, g.Resource == digest, g.Kit == digest, g.Unknown)
	}
	if diff := cmp.Diff([][]string{{"Patient/" + id}, refs(observations), refs(consents)}, [][]string{{got.App.Read}, got.App.Observations, got.App.Consents}); diff != "" || len(observations) == 0 {
		t.Errorf("as an app with a patient (-want +got):\n%s", diff)
	}
}
