// want: unknown field Text
package main

import "github.com/consentry/gateway/internal/practice"

func main() { _ = practice.PsychotherapyNote{Text: "x"} }
