package outcome

// encode writes an OperationOutcome with one issue. Its arguments are our own texts and checked parameter names: none needs escaping
// in JSON. diagnostics may be empty.
func encode(severity, code, text, diagnostics string) []byte {
	b := make([]byte, 0, 192+len(text)+len(diagnostics))
	b = append(b, `{"resourceType":"OperationOutcome","issue":[`...)
	b = AppendIssue(b, severity, code, text, diagnostics)
	return append(b, `]}`...)
}

// AppendIssue appends one OperationOutcome.issue to dst. The texts must be fixed ones of ours: they are not escaped.
func AppendIssue(dst []byte, severity, code, text, diagnostics string) []byte {
	dst = append(dst, `{"severity":"`...)
	dst = append(dst, severity...)
	dst = append(dst, `","code":"`...)
	dst = append(dst, code...)
	dst = append(dst, `","details":{"text":"`...)
	dst = append(dst, text...)
	dst = append(dst, `"}`...)
	if diagnostics != "" {
		dst = append(dst, `,"diagnostics":"`...)
		dst = append(dst, diagnostics...)
		dst = append(dst, '"')
	}
	return append(dst, '}')
}
