// want: cannot convert
package main

import "github.com/consentry/gateway/internal/release/stage"

func main() { _ = stage.Released(stage.Labeled{}) }
