package serving

import "net/http"

// closeIfAmbiguous closes the connection after a request that a proxy before us may have framed in another way: what follows on the connection may then be
// another requester's, or hidden in the body of this one (RFC 9112, 6.1 and 11.2). Of a request with a Transfer-Encoding the server has dropped the
// Content-Length unseen; of one of HTTP/1.0, the Transfer-Encoding.
func closeIfAmbiguous(w http.ResponseWriter, r *http.Request) {
	if len(r.TransferEncoding) > 0 || r.ProtoMajor == 1 && r.ProtoMinor == 0 {
		w.Header().Set("Connection", "close")
	}
}
