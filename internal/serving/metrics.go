package serving

import "github.com/prometheus/client_golang/prometheus"

// Why a connection or a request was refused.
const (
	refusedAddress = "address" // too much of one address
	refusedFull    = "full"    // no place is left
	refusedStalled = "stalled" // it had waited longest when another needed its place
)

type metrics struct {
	connections     prometheus.Gauge
	refused         *prometheus.CounterVec
	requestsRefused *prometheus.CounterVec
}

// newMetrics makes the metrics. Without a registry nobody reads them.
func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gateway_connections", Help: "Connections that are open."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_connections_refused_total",
			Help: "Connections that were closed unanswered: of an address that has too many, because all are being answered, or as the one that had stalled longest."}, []string{"reason"}),
		requestsRefused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_requests_refused_total",
			Help: "Requests that were refused because too many were being answered, of their address or in all."}, []string{"reason"}),
	}
	if r != nil {
		r.MustRegister(m.connections, m.refused, m.requestsRefused)
	}
	return m
}
