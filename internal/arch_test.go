package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/consentry/gateway/"

// Outside packages that the rules speak of.
const (
	gin   = "github.com/gin-gonic/gin"
	http  = "net/http"
	ejson = "encoding/json"
)

// bans is a statement of policy: what a package (with all below it) must not import, and why.
var bans = []struct {
	pkg    string
	banned []string
	why    string
}{
	{"outcome", []string{"internal/fhir", "internal/practice"}, "an error text cannot hold a record"},
	{"fhir", []string{"internal/"}, "FHIR's words know nothing of us"},
	{"ident", []string{"internal/practice", "internal/release", "internal/mapping"}, "ids are made from keys, not from records"},
	{"smart", []string{"internal/practice", "internal/release"}, "a token is judged before anything of a client is read"},
	{"requester", []string{"internal/practice", "internal/release"}, "who asks is settled before anything of a client is read"},
	{"practice", []string{"internal/fhir", "internal/release", gin}, "rows have no meaning yet"},
	{"mapping", []string{"internal/smart", "internal/requester", http}, "what a row means does not depend on who asks"},
	{"release", []string{gin}, "no response is written here"},
	{"release/facts", []string{"internal/practice", "internal/requester", "internal/mapping"}, "what a resource says does not depend on where it comes from or who asks"},
	{"release/label", []string{"internal/requester", "internal/practice"}, "a label does not depend on who asks"},
	{"release/policy", []string{"internal/practice", http}, "Consents of every origin are read alike"},
	{"release/consent", []string{"internal/practice", http, "database/sql"}, "the decision is pure"},
	{"release/egress", []string{"internal/practice", "internal/mapping"}, "what leaves comes from a decision, not from a row"},
	{"release/audit", []string{"internal/practice", "internal/requester", "internal/smart", "internal/mapping", http}, "an AuditEvent is what the ledger says, whoever asks"},
	{"release/explain", []string{"internal/practice", http, "database/sql"}, "it decides over files"},
	{"search", []string{"internal/practice", "internal/mapping"}, "search sees released resources only"},
	{"ledger", []string{"internal/fhir", "internal/practice"}, "the ledger holds no record"},
	{"partners", []string{"internal/practice", "internal/release"}, "who may ask is settled before anything of a client is read"},
	{"limits", []string{"internal/fhir", "internal/practice", "internal/release", gin}, "who asks too often is settled before anything of a client is read"},
	{"store", []string{"internal/"}, "durable state knows nothing of records"},
	{"ephemeral", []string{"internal/"}, "what may be forgotten knows nothing of records"},
	{"crossorigin", []string{"internal/", gin}, "whose pages may call is settled by the origin alone"},
	{"serving", []string{"internal/fhir", "internal/practice", "internal/release", "internal/smart", gin}, "who is let in is settled before anything is read"},
	{"demo", []string{"internal/release", "internal/mapping"}, "the synthetic practice is a practice like any other"},
	{"authserver", []string{"internal/practice", "internal/release"}, "who issues tokens reads no record"},
	{"fhirapi", []string{"internal/practice", "internal/mapping", ejson}, "handlers cannot reach a row or encode one"},
}

// release itself must not import egress, though egress lies below it.
var exact = map[string][]string{"release": {"internal/release/egress"}}

// only says what a package may import of ours at all: it lies below everything else.
var only = map[string][]string{
	"internal/outcome":                 nil,
	"internal/ident":                   nil,
	"internal/spelling":                nil,
	"internal/serving":                 {"internal/outcome"},
	"internal/strictyaml":              {"internal/spelling"},
	"internal/schema":                  nil,
	"internal/fresh":                   nil,
	"internal/fhir":                    nil,
	"internal/fhir/fhirjson":           {"internal/fhir"},
	"internal/release/internal/sealed": {"internal/fhir"},
	"internal/release/stage":           {"internal/fhir", "internal/release/internal/sealed"},
}

// importers says who may import a package at all.
var importers = map[string][]string{
	"internal/release/internal/sealed": {"internal/release/stage", "internal/release/label", "internal/release/consent", "internal/release/egress"},
	"internal/practice/sqldb":          {"cmd/gateway"},
	"internal/practice/files":          {"internal/mapping/fhirsource"},
}

// callers says who may call the functions that move a resource to its next stage, open one or make one.
var callers = map[string][]string{
	"internal/release/stage.New":                 {"internal/mapping", "internal/mapping/fhirsource", "internal/release/audit"},
	"internal/release/stage.NewBinary":           {"internal/mapping", "internal/mapping/fhirsource"},
	"internal/release/internal/sealed.New":       {"internal/release/stage"},
	"internal/release/internal/sealed.NewBinary": {"internal/release/stage"},
	"internal/release/internal/sealed.Label":     {"internal/release/label"},
	"internal/release/internal/sealed.Release":   {"internal/release/consent"},
	"internal/release/internal/sealed.Reshape":   {"internal/release/egress"},
	"internal/release/internal/sealed.Extract":   {"internal/release/egress"},
	"internal/release/internal/sealed.Open":      {"internal/release/egress"},
	"internal/release/internal/sealed.Data":      {"internal/release/egress"},
	"internal/release/egress.NewDocument":        {"internal/fhirapi"}, // what is not a client's goes out unexamined
	"internal/release/label.AsTheyStand":         {"internal/release/explain"},
	"internal/release/consent.Decide":            {"internal/release", "internal/release/explain"},
	"internal/release/consent.DecideDirectory":   {"internal/release"},
	"internal/release/consent.Extract":           {"internal/release"},
}

// ginWriters are the methods of gin.Context that answer 200 with an empty body when encoding fails, or that write past egress.
var ginWriters = []string{"JSON", "IndentedJSON", "PureJSON", "SecureJSON", "JSONP", "AsciiJSON", "AbortWithStatusJSON", "XML", "YAML", "ProtoBuf"}

type source struct {
	pkg  string // "internal/release/consent"
	name string
	file *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	for _, top := range []string{"internal", "cmd", "conformance"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			pkg, _ := filepath.Rel("..", filepath.Dir(p))
			all = append(all, source{pkg: filepath.ToSlash(pkg), name: p, file: f})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 20 {
		t.Fatalf("found %d files: the test does not see the house", len(all))
	}
	return all
}

func imports(f *ast.File) map[string]string { // local name -> path below the module, or the whole path
	m := map[string]string{}
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		p = strings.TrimPrefix(p, module)
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		m[name] = p
	}
	return m
}

func TestImportRules(t *testing.T) {
	for _, s := range sources(t) {
		for _, imp := range imports(s.file) {
			for _, b := range bans {
				if !within(s.pkg, "internal/"+b.pkg) {
					continue
				}
				for _, x := range b.banned {
					if within(imp, strings.TrimSuffix(x, "/")) && !within(imp, "internal/"+b.pkg) {
						t.Errorf("%s imports %s: %s", s.name, imp, b.why)
					}
				}
			}
			for pkg, banned := range exact {
				if s.pkg == "internal/"+pkg && slices.Contains(banned, imp) {
					t.Errorf("%s imports %s", s.name, imp)
				}
			}
		}
	}
}

// TestThePlanNamesEveryRoom: a package that the plan does not know has no rule that it could break.
func TestThePlanNamesEveryRoom(t *testing.T) {
	for _, s := range sources(t) {
		below, ok := strings.CutPrefix(s.pkg, "internal/")
		_, known := only[s.pkg]
		for _, b := range bans {
			known = known || below == b.pkg || strings.HasPrefix(below, b.pkg+"/") && b.pkg != "release"
		}
		if ok && !known {
			t.Errorf("%s: no rule names this package", s.pkg)
		}
	}
}

func TestWhatLiesBelowEverything(t *testing.T) {
	for _, s := range sources(t) {
		allowed, ruled := only[s.pkg]
		for _, imp := range imports(s.file) {
			if ruled && within(imp, "internal") && !slices.Contains(allowed, imp) {
				t.Errorf("%s imports %s", s.name, imp)
			}
			if by, ruled := importers[imp]; ruled && !slices.Contains(by, s.pkg) {
				t.Errorf("%s imports %s, which is not for it", s.name, imp)
			}
			if within(s.pkg, "conformance") && within(imp, "internal") {
				t.Errorf("%s imports %s: the second implementation shares nothing with the first", s.name, imp)
			}
		}
	}
}

func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

func TestOnlyTheStagesOwnersMoveAResource(t *testing.T) {
	for _, s := range sources(t) {
		local := imports(s.file)
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			allowed, ruled := callers[local[x.Name]+"."+sel.Sel.Name]
			if ruled && !slices.Contains(allowed, s.pkg) {
				t.Errorf("%s uses %s.%s", s.name, x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestNobodyDotImportsAStage(t *testing.T) {
	for _, s := range sources(t) {
		for name, imp := range imports(s.file) {
			if name == "." && strings.HasPrefix(imp, "internal/release") {
				t.Errorf("%s imports %s into its own names", s.name, imp)
			}
		}
	}
}

func TestNoHandlerLetsGinEncode(t *testing.T) {
	for _, s := range sources(t) {
		if _, usesGin := imports(s.file)["gin"]; !usesGin {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(ginWriters, sel.Sel.Name) {
				t.Errorf("%s calls %s: encode first, then write", s.name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestNoCatchAllPackages(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains([]string{"util", "utils", "common", "models", "types", "core", "shared", "helpers"}, path.Base(s.pkg)) {
			t.Errorf("%s: a package's name says what it owns", s.pkg)
		}
	}
}
