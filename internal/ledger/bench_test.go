package ledger

import (
	"strconv"
	"sync/atomic"
	"testing"
)

// BenchmarkAppend compares one writer, who waits for each fsync alone, with 64 who share them. The records are answers of 50 resources.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(strconv.Itoa(writers)+"-writers", func(b *testing.B) {
			l, err := Open(b.Context(), file(b), Options{Key: signingKey})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			samples := make([]Record, 100)
			for i := range samples {
				samples[i] = sample(i, 50)
			}
			var n atomic.Int64
			b.SetParallelism((writers + 1) / 2) // times GOMAXPROCS, two where this was measured
			b.ReportAllocs()
			if writers == 1 {
				for b.Loop() {
					if err := l.Append(b.Context(), samples[n.Add(1)%100]); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := l.Append(b.Context(), samples[n.Add(1)%100]); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	e, r := newEncoder(), sample(1, 50)
	b.ReportAllocs()
	for b.Loop() {
		_ = e.encode(&r)
	}
}
