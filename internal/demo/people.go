package demo

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/consentry/gateway/internal/demo/portal"
	"github.com/consentry/gateway/internal/practice"
)

// People are some of the practice's clients and of those who act for them, to sign in at the demo's portal: clients of the story, a couple, guardians of
// minors, one whose child came of age two days ago, and a health care proxy.
func (p *Practice) People(ctx context.Context) ([]portal.Person, error) {
	db, err := sql.Open("sqlite", "file:"+p.Database+"?mode=ro")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	defer db.Close()
	s := p.Story
	r := peopleReader{ctx: ctx, db: db}
	r.client(s.Referred, "a client, in treatment for substance use as well")
	r.client(s.Part2, "a client of the substance use programme")
	r.client(s.Couple[0], "a client, in couple therapy")
	r.client(s.Couple[1], "their partner, in couple therapy")
	r.client(s.ComingOfAge, "a client who came of age two days ago")
	r.representative(s.Minor, "a parent or guardian of a minor client")
	r.representative(s.ComingOfAge, "a parent or guardian whose child came of age two days ago")
	r.representative(s.AlmostAdult, "a parent or guardian of a client who comes of age in five days")
	r.representative(s.Represented, "acts for a client under a health care power of attorney")
	r.both(s.Couple[0], s.Minor, "in couple therapy, and a parent or guardian of a minor client")
	return r.people, r.err
}

// peopleReader reads names. It stops at the first error.
type peopleReader struct {
	ctx    context.Context
	db     *sql.DB
	people []portal.Person
	err    error
}

func (r *peopleReader) client(key practice.ClientKey, about string) {
	if name, ok := r.nameOf(key); ok {
		r.people = append(r.people, portal.Person{ID: "client-" + string(key), Name: name, About: about, Client: string(key)})
	}
}

func (r *peopleReader) representative(key practice.ClientKey, about string) {
	if id, name, ok := r.contactOf(key); ok {
		r.people = append(r.people, portal.Person{ID: "contact-" + strconv.FormatInt(id, 10), Name: name, About: about, Represents: []string{fmt.Sprintf("%s/%d", key, id)}})
	}
}

// both is one person with two records: a client, and a contact of another. The synthetic practice has given them two names.
func (r *peopleReader) both(own, of practice.ClientKey, about string) {
	name, isClient := r.nameOf(own)
	id, other, isContact := r.contactOf(of)
	if isClient && isContact {
		r.people = append(r.people, portal.Person{ID: "both-" + string(own), Name: name + " (also " + other + ")", About: about, Client: string(own), Represents: []string{fmt.Sprintf("%s/%d", of, id)}})
	}
}

func (r *peopleReader) nameOf(key practice.ClientKey) (name string, ok bool) {
	if r.err != nil || key == "" {
		return "", false
	}
	r.err = r.db.QueryRowContext(r.ctx, "SELECT first_name || ' ' || last_name FROM clients WHERE id = ?", string(key)).Scan(&name)
	return name, r.err == nil
}

func (r *peopleReader) contactOf(key practice.ClientKey) (id int64, name string, ok bool) {
	if r.err != nil || key == "" {
		return 0, "", false
	}
	r.err = r.db.QueryRowContext(r.ctx, "SELECT id, first_name || ' ' || last_name FROM client_contacts WHERE client_id = ? AND is_legal_representative = 1 ORDER BY authority_from DESC LIMIT 1",
		string(key)).Scan(&id, &name)
	return id, name, r.err == nil
}
