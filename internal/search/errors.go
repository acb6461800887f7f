package search

// Problem is what is wrong with a request. Its text is fixed and fit for an OperationOutcome.
type Problem string

// The problems of a search request. All are the requester's to mend (400).
const (
	Malformed     Problem = "the value is malformed"
	BadModifier   Problem = "the modifier is not supported for this parameter"
	UnknownName   Problem = "there is no such parameter for this type"
	Repeated      Problem = "the parameter may be given only once"
	NamesNobody   Problem = "the search must name its client (patient, subject or _id)"
	ManyClients   Problem = "the search must name one client"
	TooMany       Problem = "the search has too many parameters or values"
	NotHere       Problem = "the parameter is not supported for this type"
	UnknownType   Problem = "the type is not supported"
	BadPage       Problem = "the page cannot be continued"
	BadQueryText  Problem = "the query cannot be decoded"
	NotForAScope  Problem = "the parameter cannot narrow a scope"
	PageAndOthers Problem = "a page token stands alone"
	TooCostly     Problem = "the page would include too many resources"
	NoElement     Problem = "there is no such element in this type"
	ElementsToo   Problem = "_elements and _summary exclude each other"
	TextAlone     Problem = "the text alone goes without _include and _revinclude"
	OnlySearch    Problem = "the value is for a search only"
)

// Error says which parameter is wrong and how. Param is a name of the table or empty, and never anything that the requester wrote; but what there
// is not (UnknownName) is named as it was asked for, cut down to what such names are made of, for the answer and not for Error's text.
type Error struct {
	Param   string
	Problem Problem
}

func (e *Error) Error() string {
	if e.Param == "" || e.Problem == UnknownName {
		return "search: " + string(e.Problem)
	}
	return "search: " + e.Param + ": " + string(e.Problem)
}

func fail(param string, p Problem) error { return &Error{Param: param, Problem: p} }
