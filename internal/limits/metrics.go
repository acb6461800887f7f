package limits

import "github.com/prometheus/client_golang/prometheus"

// metrics have fixed words as labels: nothing of an address or a partner.
type metrics struct {
	refused *prometheus.CounterVec
	failed  *prometheus.CounterVec
	shared  prometheus.Gauge
}

// newMetrics makes the metrics. Without a registry nobody reads them.
func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_limited_total", Help: "What was refused because there had been too much of it, by limit."}, []string{"limit"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_failed_authentications_total",
			Help: "Requests whose token or assertion proves nobody, by where they came."}, []string{"at"}),
		shared: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gateway_shared_limits", Help: "1 while the store of limits answers that the replicas share, or that this process alone has."}),
	}
	m.shared.Set(1)
	if r != nil {
		r.MustRegister(m.refused, m.failed, m.shared)
	}
	return m
}
