// want: cannot convert
package main

import "github.com/consentry/gateway/internal/release/stage"

type content struct {
	json   []byte
	digest [32]byte
}

type lookAlike struct {
	grant stage.Grant
	c     *content
	facts *stage.Facts
	label []struct{}
}

func main() { _ = stage.Released(lookAlike{}) }
