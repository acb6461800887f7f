package ident

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
	"pgregory.net/rapid"
)

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 5297, A.1.
func TestTheVectorOfTheRFC(t *testing.T) {
	s, err := newSIV(fromHex(t, "fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0 f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff"))
	if err != nil {
		t.Fatal(err)
	}
	ad := fromHex(t, "10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627")
	plain := fromHex(t, "11223344 55667788 99aabbcc ddee")
	sealed := fromHex(t, "85632d07 c6e8f37f 950acd32 0a2ecc93 40c02b96 90c4dc04 daef7f6a fe5c")
	if got := s.seal(nil, plain, ad); !bytes.Equal(got, sealed) {
		t.Errorf("%x", got)
	}
	if got, ok := s.open(sealed, ad); !ok || !bytes.Equal(got, plain) {
		t.Errorf("%x, %v", got, ok)
	}
}

// RFC 4493, 4: AES-CMAC of nothing, one block, two blocks and a half, and four blocks.
func TestCMACHasTheVectorsOfItsRFC(t *testing.T) {
	key := fromHex(t, "2b7e1516 28aed2a6 abf71588 09cf4f3c")
	s, err := newSIV(append(key, key...))
	if err != nil {
		t.Fatal(err)
	}
	message := fromHex(t, "6bc1bee2 2e409f96 e93d7e11 7393172a ae2d8a57 1e03ac9c 9eb76fac 45af8e51 30c81c46 a35ce411 e5fbc119 1a0a52ef f69f2445 df4f9b17 ad2b417b e66c3710")
	for n, want := range map[int]string{0: "bb1d6929e95937287fa37d129b756746", 16: "070a16b46b4d4144f79bdd9dd04a287c", 40: "dfa66747de9ae63030ca32611497c827",
		64: "51f0bebf7e3b9d92fc49741779363cfe"} {
		w := new(scratch)
		s.cmac(w, message[:n])
		if got := hex.EncodeToString(w.x[:]); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
}

// Ids and page tokens were sealed with Tink at first, and partners keep ids.
func TestWhatTinkSealsIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 100), rapid.SliceOfN(rapid.Byte(), 14, 34))
		key := rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key")
		plain, ad := texts.Draw(t, "plain"), texts.Draw(t, "ad")
		tink, err := subtle.NewAESSIV(key)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSIV(key)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tink.EncryptDeterministically(plain, ad)
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(plain)
		got := s.seal([]byte("x"), plain, ad)
		if !bytes.Equal(got[1:], want) || got[0] != 'x' || !bytes.Equal(plain, before) {
			t.Fatalf("%x, want %x", got, want)
		}
		if back, ok := s.open(want, ad); !ok || !bytes.Equal(back, plain) {
			t.Fatalf("%x does not open", want)
		}
		at := rapid.IntRange(0, 8*len(want)-1).Draw(t, "bit")
		want[at/8] ^= 1 << (at % 8)
		_, ok := s.open(want, ad)
		if _, err := tink.DecryptDeterministically(want, ad); ok || err == nil {
			t.Fatal("what was tampered with opens")
		}
	})
}

func TestWhatIsTooShortDoesNotOpen(t *testing.T) {
	s, err := newSIV(make([]byte, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 16 {
		if _, ok := s.open(make([]byte, n), nil); ok {
			t.Errorf("%d bytes open", n)
		}
	}
}

// An id is for ever: these were sealed when ids were new.
func TestAnIDIsTheSameForEver(t *testing.T) {
	key := make([]byte, KeySize)
	for i := range key {
		key[i] = byte(i)
	}
	s, err := NewSealer(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][5]string{
		{"Patient", "1042", "patient", "1042", "7upftt2jybsvkcqme4cjzpzmgtudaie6zteqwtvsqtl3omnajrw6yni2htgd3d5h"},
		{"DocumentReference", "1042", "soap-note", "34567-1042", "jplolu65yelh5zvtttvesn4eehdrb3c6hgkmrzbkqvucelxracqf6eb7wcmvwq5m"},
		{"Provenance", "1042", "soap-note", "34567-1042", "czd4xf7e6e6vbs4uh7hspwsldu5zsll33vnmeq7qe6k2nfpeok3s52urr5sclrjw"},
		{"Organization", "", "practice", "practice", "vv6m6wp27oxgyfvdwz5k2ocpryo7q4hpy5g5kwfeamt34gifq22qtgtffx5mtmt4"},
		{"Encounter", "0b7a3c52-6a1e-4d5e-9c3b-2f1d8e7a6b5c", "session", strings.Repeat("k", 200), "bpy263efi6274ikxgxr77g375diatcykolufw3plzoahoxqt3lw7hcay43qh2yrj"},
		{"Patient", "-9223372036854775808", "patient", "", "r334orgepkhctqy4znkkhkanziho7cgxmpfvvxn23wlbciq27tsarwn5quks2zm6"},
	} {
		if got, err := s.Seal(c[0], c[1], c[2], c[3]); err != nil || got != c[4] {
			t.Errorf("%s: %s, want %s: %v", c[0], got, c[4], err)
		}
	}
	pages, err := NewPages(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pages.Seal([]byte("position"), "requester", "query"); err != nil || got != "G017lNu5zCbxPpPNSfH3ex2GbqKM0kVG" {
		t.Errorf("the page token is %s: %v", got, err)
	}
}
