package mapping

import (
	"regexp"
	"strings"
)

const namePart = `(?:[A-Za-z_]\w*|"[^"]*"|` + "`[^`]*`" + `|\[[^\]]*\])`

// sqlToken is what matters of a statement: texts and comments, to pass over them; names, qualified or not; parentheses.
var sqlToken = regexp.MustCompile(`(?s)'[^']*'|--[^\n]*|/\*.*?\*/|` + namePart + `(?:\.` + namePart + `)*|[()]`)

// tableOf is the table that a statement's rows come from, for reports: the first one that a FROM names outside of all subselects, or in as
// few of them as there can be. "" if no FROM names any.
func tableOf(statement string) string {
	var tokens []string
	for _, token := range sqlToken.FindAllString(statement, -1) {
		if !strings.HasPrefix(token, "'") && !strings.HasPrefix(token, "--") && !strings.HasPrefix(token, "/*") {
			tokens = append(tokens, token)
		}
	}
	table, depth, least := "", 0, len(tokens)
	for i, token := range tokens {
		switch {
		case token == "(":
			depth++
		case token == ")":
			depth--
		case i == 0 || i+1 == len(tokens) || depth >= least || !strings.EqualFold(token, "from"):
		case strings.EqualFold(tokens[i-1], "distinct"): // x IS DISTINCT FROM y
		case tokens[i+1] != "(":
			table, least = tokens[i+1], depth
		}
	}
	return strings.NewReplacer(`"`, "", "`", "", "[", "", "]", "").Replace(table)
}
