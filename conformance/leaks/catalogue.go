package main

import "slices"

// Sections of the report, as the list of known leaks has them.
const (
	sectionSearch   = "Includes, chains, search side channels"
	sectionCounts   = "Counts, existence, errors"
	sectionRoutes   = "$everything, operations, history, other ways in"
	sectionBulk     = "Bulk export, subscriptions, binaries"
	sectionConsent  = "Consent evaluation"
	sectionLabels   = "Sensitive-data classification"
	sectionTokens   = "Tokens and scopes"
	sectionLaunch   = "Apps that clients launch"
	sectionAnswers  = "Between requesters, and between answers"
	sectionContents = "In the resources themselves"
)

// catalogue is every line, in the order of the report.
func catalogue() []*line {
	all := slices.Concat(searchLines(), countLines(), routeLines(), bulkLines(), consentLines(), changeLines(), labelLines(), tokenLines(), boundLines(), scopeLines(), launchLines(), answerLines(), contentLines(), elsewhereLines())
	slices.SortStableFunc(all, func(a, b *line) int { return slices.Index(sections, a.section) - slices.Index(sections, b.section) })
	return all
}

// sections is their order in the report.
var sections = []string{sectionSearch, sectionCounts, sectionRoutes, sectionBulk, sectionConsent, sectionLabels, sectionTokens, sectionLaunch, sectionAnswers, sectionContents}
