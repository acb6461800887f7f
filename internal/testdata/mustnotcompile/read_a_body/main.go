// want: r.c undefined
package main

import "github.com/consentry/gateway/internal/release/stage"

func main() {
	var r stage.Released
	_ = r.c
}
