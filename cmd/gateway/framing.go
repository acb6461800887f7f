package main

import "net/http"

// closingAmbiguous closes the connection after a request with a Transfer-Encoding. If it had a Content-Length as well, the server has dropped that
// unseen, while a proxy before us may have gone by it: what follows on the connection may then be another requester's, or hidden in the body of
// this one (RFC 9112, 6.1 and 11.2).
func closingAmbiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
