package fhirjson

import (
	"errors"
	"strconv"
	"sync"
	"time"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
)

var (
	errPrecision = errors.New("fhirjson: a time without a known precision")
	errZone      = errors.New("fhirjson: a time in an unknown zone")
)

// zones holds the zones that were needed, by name: looking one up costs more than writing a whole resource.
var zones sync.Map // string -> *time.Location

func zone(name string) (*time.Location, error) {
	switch name {
	case "Z", "UTC", "":
		return time.UTC, nil
	}
	if l, ok := zones.Load(name); ok {
		return l.(*time.Location), nil
	}
	l, err := loadZone(name)
	if err != nil {
		return nil, errZone
	}
	zones.Store(name, l)
	return l, nil
}

func loadZone(name string) (*time.Location, error) {
	if name[0] != '+' && name[0] != '-' {
		return time.LoadLocation(name)
	}
	if len(name) != len("+00:00") || name[3] != ':' {
		return nil, errZone
	}
	h, errH := strconv.ParseUint(name[1:3], 10, 8)
	m, errM := strconv.ParseUint(name[4:], 10, 8)
	if err := errors.Join(errH, errM); err != nil {
		return nil, err
	}
	offset := int(h)*3600 + int(m)*60
	if name[0] == '-' {
		offset = -offset
	}
	return time.FixedZone(name, offset), nil
}

func appendTime(dst []byte, us int64, tz, layout, zoneLayout string) ([]byte, error) {
	l, err := zone(tz)
	if err != nil {
		return dst, err
	}
	t := time.Unix(us/1e6, (us%1e6)*1000).In(l)
	if zoneLayout != "" && tz == "Z" {
		zoneLayout = "Z"
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, layout)
	if zoneLayout == "Z" {
		dst = append(dst, 'Z')
	} else if zoneLayout != "" {
		dst = t.AppendFormat(dst, zoneLayout)
	}
	return append(dst, '"'), nil
}

const (
	layoutDay    = "2006-01-02"
	layoutSecond = "2006-01-02T15:04:05"
	layoutZone   = "-07:00"
)

func appendDate(dst []byte, d *dtpb.Date) ([]byte, error) {
	switch d.Precision {
	case dtpb.Date_YEAR:
		return appendTime(dst, d.ValueUs, d.Timezone, "2006", "")
	case dtpb.Date_MONTH:
		return appendTime(dst, d.ValueUs, d.Timezone, "2006-01", "")
	case dtpb.Date_DAY:
		return appendTime(dst, d.ValueUs, d.Timezone, layoutDay, "")
	}
	return dst, errPrecision
}

func appendDateTime(dst []byte, d *dtpb.DateTime) ([]byte, error) {
	switch d.Precision {
	case dtpb.DateTime_YEAR:
		return appendTime(dst, d.ValueUs, d.Timezone, "2006", "")
	case dtpb.DateTime_MONTH:
		return appendTime(dst, d.ValueUs, d.Timezone, "2006-01", "")
	case dtpb.DateTime_DAY:
		return appendTime(dst, d.ValueUs, d.Timezone, layoutDay, "")
	case dtpb.DateTime_SECOND:
		return appendTime(dst, d.ValueUs, d.Timezone, layoutSecond, layoutZone)
	case dtpb.DateTime_MILLISECOND:
		return appendTime(dst, d.ValueUs, d.Timezone, layoutSecond+".000", layoutZone)
	case dtpb.DateTime_MICROSECOND:
		return appendTime(dst, d.ValueUs, d.Timezone, layoutSecond+".000000", layoutZone)
	}
	return dst, errPrecision
}

func appendInstant(dst []byte, i *dtpb.Instant) ([]byte, error) {
	switch i.Precision {
	case dtpb.Instant_SECOND:
		return appendTime(dst, i.ValueUs, i.Timezone, layoutSecond, layoutZone)
	case dtpb.Instant_MILLISECOND:
		return appendTime(dst, i.ValueUs, i.Timezone, layoutSecond+".000", layoutZone)
	case dtpb.Instant_MICROSECOND:
		return appendTime(dst, i.ValueUs, i.Timezone, layoutSecond+".000000", layoutZone)
	}
	return dst, errPrecision
}

func appendTimeOfDay(dst []byte, t *dtpb.Time) ([]byte, error) {
	switch t.Precision {
	case dtpb.Time_SECOND:
		return appendTime(dst, t.ValueUs, "Z", "15:04:05", "")
	case dtpb.Time_MILLISECOND:
		return appendTime(dst, t.ValueUs, "Z", "15:04:05.000", "")
	case dtpb.Time_MICROSECOND:
		return appendTime(dst, t.ValueUs, "Z", "15:04:05.000000", "")
	}
	return dst, errPrecision
}

// DateText gives a Date, DateTime or Instant as FHIR writes it; empty for anything else and for what cannot be written.
func DateText(m any) string {
	var b []byte
	var err error
	switch d := m.(type) {
	case *dtpb.Date:
		if d != nil {
			b, err = appendDate(nil, d)
		}
	case *dtpb.DateTime:
		if d != nil {
			b, err = appendDateTime(nil, d)
		}
	case *dtpb.Instant:
		if d != nil {
			b, err = appendInstant(nil, d)
		}
	}
	if err != nil || len(b) < 2 {
		return ""
	}
	return string(b[1 : len(b)-1])
}
