package fhirapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/consentry/gateway/internal/release/egress"
)

// step is a part of a request's course whose time is measured.
type step int

const (
	stepToken step = iota
	stepView
	stepSearch
	stepEncode
	stepLedger
	stepWrite
	steps
)

var stepNames = [steps]string{"token", "view", "search", "encode", "ledger", "write"}

// Metrics counts requests. No label holds anything of a client, a partner or a query: routes are templates, reasons and stages fixed words.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	released *prometheus.CounterVec
	withheld *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	alarms   *prometheus.CounterVec
	observe  [steps]prometheus.Observer
}

// NewMetrics makes Metrics with a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_requests_total", Help: "Requests by route and status."}, []string{"route", "status"}),
		released: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_released_resources_total", Help: "Resources in answers, by route."}, []string{"route"}),
		withheld: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_withheld_resources_total",
			Help: "Resources of the charts asked for that were not in the view, by reason."}, []string{"reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gateway_stage_seconds", Help: "Time by stage of a request.",
			Buckets: []float64{1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2, 5e-2, 0.25, 1, 5}}, []string{"stage"}),
		alarms: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gateway_guard_alarms_total",
			Help: "Bodies that the final guard did not let out. Any is a fault that a person has to look at."}, []string{"wall"}),
	}
	m.registry.MustRegister(m.requests, m.released, m.withheld, m.seconds, m.alarms)
	for s, name := range stepNames {
		m.observe[s] = m.seconds.WithLabelValues(name)
	}
	return m
}

// Registry is where other packages register collectors.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves the metrics. It belongs on a listener of its own.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Stage measures a stage that lies outside this package ("consents", "chart"). Names must be fixed words.
func (m *Metrics) Stage(name string) prometheus.Observer { return m.seconds.WithLabelValues(name) }

// GuardAlarm counts a hit of the final guard (egress.Options.Alarm).
func (m *Metrics) GuardAlarm(a egress.Alarm) { m.alarms.WithLabelValues(a.Wall).Inc() }

// AnswerBytes tells how much memory long answers take that are not yet written (egress.Egress.AnswerBytes).
func (m *Metrics) AnswerBytes(now func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gateway_answer_bytes",
		Help: "Memory of long answers that are not yet written."}, func() float64 { return float64(now()) }))
}

// routeMetrics are the counters of one route.
type routeMetrics struct {
	all      *Metrics
	template string
	ok       prometheus.Counter
	released prometheus.Counter
}

func (m *Metrics) route(template string) routeMetrics {
	return routeMetrics{all: m, template: template, ok: m.requests.WithLabelValues(template, "200"), released: m.released.WithLabelValues(template)}
}

func (m *routeMetrics) count(status, released int, withheld map[string]uint32, timings *[steps]time.Duration) {
	if status == http.StatusOK {
		m.ok.Inc()
	} else {
		m.all.requests.WithLabelValues(m.template, strconv.Itoa(status)).Inc()
	}
	if released > 0 {
		m.released.Add(float64(released))
	}
	for reason, n := range withheld {
		m.all.withheld.WithLabelValues(reason).Add(float64(n))
	}
	for s, d := range timings {
		if d > 0 {
			m.all.observe[s].Observe(d.Seconds())
		}
	}
}
