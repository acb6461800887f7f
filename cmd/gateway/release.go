package main

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// clock is what a gateway tells the time by.
type clock = func() time.Time

// views are the records and what each partner may see of them: all that `preview` needs.
type views struct {
	*records
	service *release.Service
	egress  *egress.Egress
	metrics *fhirapi.Metrics
	log     *slog.Logger
}

// release makes the views of the records. The records are closed with them, and if there is an error.
func (r *records) release(log *slog.Logger, now clock) (_ *views, err error) {
	v := &views{records: r, metrics: fhirapi.NewMetrics(), log: log}
	r.log.Store(log)
	defer func() {
		if err != nil {
			err = errors.Join(err, v.Close())
		}
	}()
	exit, err := v.egressOptions()
	if err != nil {
		return nil, err
	}
	if v.egress, err = egress.New(exit); err != nil {
		return nil, err
	}
	v.metrics.AnswerBytes(v.egress.AnswerBytes)
	v.service, err = release.New(release.Options{
		Records: &proven{Records: r.all(), apart: r.apart, prove: r.prove, fits: r.fits, tell: closes(log)},
		Sealer:  r.sealer, Labels: r.labels, Rules: r.rules, Projector: v.egress,
		Practice: r.discloser(), Zone: r.zone, Now: now, Granular: granular, CacheBytes: r.cfg.Limits.CacheBytes, Audit: r.audit,
	})
	return v, err
}

// closes logs what closes the records to everybody, and that it is over.
func closes(log *slog.Logger) func(trouble string) {
	return func(trouble string) {
		if trouble == "" {
			log.Info("the practice's records can be read again")
			return
		}
		log.Error("nothing is released", "because", strings.Split(trouble, "\n"))
	}
}

func (v *views) egressOptions() (egress.Options, error) {
	tagKey, err := readKey(v.cfg.Keys.ETag, tagKeySize)
	return egress.Options{
		Base: v.cfg.BaseURL, TagKey: tagKey, Zone: v.zone, Types: v.types, PsychotherapyKinds: v.withheldKinds(), Alarm: v.alarm,
		AnswerBytes: int64(v.cfg.Limits.AnswerBytes),
	}, err
}

// alarm is told when the final guard has kept something back: a fault upstream that a person has to look at. It names no client.
func (v *views) alarm(a egress.Alarm) {
	v.metrics.GuardAlarm(a)
	v.log.Error("the final guard withheld an answer", "type", a.Type, "map", a.Map, "table", a.Table, "wall", a.Wall)
}

// granular tells whether a record matches a parameter of a granular scope. One that cannot be evaluated matches nothing.
func granular(f *stage.Facts, p smart.Param) bool {
	ok, err := search.Matches(f, p.Name, p.Value)
	return err == nil && ok
}
