package demo

import "github.com/consentry/gateway/internal/practice"

// slot is what part a client plays in their block of twenty: the practice is the same mixture in every block.
type slot int

const (
	slotFull          slot = iota // a bit of everything: referred, insured, in the Part 2 programme, one session self-paid
	slotRecoveryEarly             // adult who has just joined the Part 2 programme
	slotPlain                     // adult in individual therapy
	slotCoupleA                   // couple, both signed
	slotCoupleB                   //
	slotMinor                     // child with a guardian
	slotRecovery                  // Part 2 programme only
	slotFamilyParent              // family therapy: the parent
	slotFamilyChild               // ... and the child
	slotJustAdult                 // turned 18 the day before yesterday; the guardian's form is still on file
	slotAlmostAdult               // turns 18 in five days
	slotRecoveryDual              // Part 2 programme and individual therapy
	slotSelfPaid                  // pays for every session
	slotSignedHalf                // couple of whom one signed
	slotUnsignedHalf              //
	slotRepresented               // adult with a health care power of attorney
	slotMedication                // seen by the psychiatrist
	slotWaiting                   // intake only
	slotDischarged                // closed
	slotGroupOnly                 // DBT skills group
	blockSize         = 20
)

func (s slot) minor() bool {
	return s == slotMinor || s == slotFamilyChild || s == slotAlmostAdult
}

func (s slot) inPart2() bool {
	return s == slotFull || s == slotRecoveryEarly || s == slotRecovery || s == slotRecoveryDual
}

// Story names the clients that the demo's story and its tests speak of. Those that need more clients than there are, are empty.
type Story struct {
	// Referred was referred by ReferringClinic, is insured by Insurer, attends the Part 2 programme and paid one session themselves.
	Referred practice.ClientKey
	// Part2 attends the Part 2 programme only.
	Part2 practice.ClientKey
	// Couple both signed for ReferringClinic; of HalfCouple only the first did.
	Couple, HalfCouple [2]practice.ClientKey
	// Minor has a guardian who signed; ComingOfAge was a minor until two days ago; AlmostAdult is one for five more days.
	Minor, ComingOfAge, AlmostAdult practice.ClientKey
	SelfPaid                        practice.ClientKey
	Represented                     practice.ClientKey
	// Unreleased has signed nothing that releases anything.
	Unreleased practice.ClientKey
}

// remember takes the story's clients from the first block.
func (s *Story) remember(block []*person) {
	if block[0].n != 0 {
		return
	}
	s.Referred = block[slotFull].clientKey()
	if len(block) < blockSize {
		return
	}
	key := func(s slot) practice.ClientKey { return block[s].clientKey() }
	s.Part2 = key(slotRecovery)
	s.Couple = [2]practice.ClientKey{key(slotCoupleA), key(slotCoupleB)}
	s.HalfCouple = [2]practice.ClientKey{key(slotSignedHalf), key(slotUnsignedHalf)}
	s.Minor, s.ComingOfAge, s.AlmostAdult = key(slotMinor), key(slotJustAdult), key(slotAlmostAdult)
	s.SelfPaid, s.Represented, s.Unreleased = key(slotSelfPaid), key(slotRepresented), key(slotUnsignedHalf)
}
