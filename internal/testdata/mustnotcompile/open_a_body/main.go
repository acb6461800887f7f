// want: use of internal package
package main

import "github.com/consentry/gateway/internal/release/internal/sealed"

func main() { _ = sealed.Open }
