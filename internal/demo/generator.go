package demo

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// generator writes the practice client by client; it never holds more than one block of clients.
type generator struct {
	p       *Practice
	seed    uint64
	clients int
	now     time.Time // in the practice's zone
	in      *inserter // the record
	apart   *inserter // the psychotherapy notes
	ids     map[string]int64
	staff   []worker
	turn    int // which of generalShapes comes next
}

// firstClient is the number of the first client.
const firstClient = 1001

// Layouts of the practice's database.
const (
	layoutTime = "2006-01-02 15:04:05"
	layoutDate = "2006-01-02"
)

func (g *generator) generate() error {
	g.directory()
	for start := 0; start < g.clients && g.in.err == nil && g.apart.err == nil; start += blockSize {
		g.block(start)
	}
	g.broken()
	g.in.flush()
	g.apart.flush()
	return errors.Join(g.in.err, g.apart.err)
}

// add inserts a row under the table's next id and returns the id.
func (g *generator) add(table, columns string, values ...any) int64 {
	g.ids[table]++
	id := g.ids[table]
	g.in.insert(table, "id, "+columns, append([]any{id}, values...)...)
	return id
}

// block writes the next blockSize clients. Each client has dice of its own, so that a client is the same whatever their number.
func (g *generator) block(start int) {
	people := make([]*person, 0, blockSize)
	for n := start; n < min(start+blockSize, g.clients); n++ {
		people = append(people, g.person(n))
	}
	at := func(s slot) *person {
		if int(s) < len(people) {
			return people[s]
		}
		return nil
	}
	for _, p := range people {
		g.register(p)
		g.individual(p)
	}
	g.joint("couple", at(slotCoupleA), at(slotCoupleB))
	g.joint("couple", at(slotSignedHalf), at(slotUnsignedHalf))
	g.joint("family", at(slotFamilyChild), at(slotFamilyParent))
	g.group(groupRelapse, at(slotFull), at(slotRecovery), at(slotRecoveryDual), at(slotRecoveryEarly))
	g.group(groupSkills, at(slotPlain), at(slotMedication), at(slotGroupOnly))
	for _, p := range people {
		g.clinical(p)
		g.offSession(p)
		g.documents(p)
		g.network(p)
		g.signedForms(p)
		g.separated(p)
		g.p.Clients = append(g.p.Clients, p.clientKey())
	}
	g.p.Story.remember(people)
}

// person is a client while they are being written.
type person struct {
	n         int // 0 for the first
	key       int64
	slot      slot
	r         *rand.Rand
	born      time.Time
	guardian  int64 // client_contacts.id of a legal representative, 0 for none
	therapist worker
	part2     worker // the counselor in the Part 2 programme, zero for none
	sessions  []session
	plan      int64
	insurer   int64
	referrer  int64
	scan      int64 // documents.id of the scanned form
}

func (p *person) clientKey() practice.ClientKey {
	return practice.ClientKey(strconv.FormatInt(p.key, 10))
}

// completed are the sessions that took place, of the programme.
func (p *person) completed(programme string) []session {
	var out []session
	for _, s := range p.sessions {
		if s.status == "completed" && s.programme == programme {
			out = append(out, s)
		}
	}
	return out
}

// local writes a time as the practice's database does.
func local(t time.Time) string { return t.Format(layoutTime) }

// day is the date so many days from today, negative for the past.
func (g *generator) day(days int) time.Time {
	y, m, d := g.now.Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, g.now.Location())
}

// date is the day as the practice's database writes it.
func (g *generator) date(days int) string { return g.day(days).Format(layoutDate) }

// pick takes one of the values.
func pick[T any](r *rand.Rand, values []T) T { return values[r.IntN(len(values))] }

// chance is true so many times in a hundred.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }
