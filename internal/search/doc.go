// Package search is FHIR search (FHIR R4 3.1.1) over the Facts of what one requester may see: it reads a request into a Query, finds the
// matching resources of a view, sorts them and cuts pages. One table (table.go) says which parameters there are; the parser, the
// evaluation, the granular SMART scopes and the CapabilityStatement all come from it.
//
// It works on released resources only, so that a total, a sort order or a page boundary cannot depend on what is withheld. It must
// not import practice, and it opens no body.
//
// The usual course of a request:
//
//	q, err := parser.Parse(resourceType, values, strict)      // or parser.Resume(resourceType, payload) for a page token
//	for _, ref := range q.Clients() { ... open the chart, get the view ... }
//	page, err := q.Run(view.Resources(resourceType))          // or q.Page(memo[q.Key()]) with a memo of q.Evaluate
//
// No error text holds a value: errors name a parameter of the table and what is wrong with it, nothing else.
package search
