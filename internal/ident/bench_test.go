package ident_test

import "testing"

func BenchmarkSeal(b *testing.B) {
	s := sealer(b, 'a')
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal("DocumentReference", "1042", "soap-note", "34567"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := sealer(b, 'a')
	id, err := s.Seal("DocumentReference", "1042", "soap-note", "34567")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Open("DocumentReference", id); !ok {
			b.Fatal("does not open")
		}
	}
}
