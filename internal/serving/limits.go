package serving

import "time"

// Limits bound what clients can hold. Each must be above zero: the zero value serves nobody.
type Limits struct {
	// Connections is how many may be open at once, ConnectionsPerAddress how many of one address (of one /64 of IPv6).
	Connections, ConnectionsPerAddress int
	// Requests is how many may be answered at once, RequestsPerAddress how many of one address, Streams how many of one HTTP/2 connection.
	Requests, RequestsPerAddress, Streams int
	// HeaderBytes is the size of a request's header, BodyBytes that of its body.
	HeaderBytes int
	BodyBytes   int64
	// HeaderTimeout is for the TLS handshake and for a request's header, RequestTimeout for the whole request, AnswerTimeout for the request's body and its
	// answer until the client has taken it, IdleTimeout for the pause between two requests.
	HeaderTimeout, RequestTimeout, AnswerTimeout, IdleTimeout time.Duration
}
