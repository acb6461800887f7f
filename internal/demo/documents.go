package demo

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// scan is a small but valid PDF of one page that says what it is a scan of, with the pictures on it. The same words give the same bytes.
func scan(words string, pictures ...picture) []byte {
	content := "BT /F1 14 Tf 72 720 Td (" + words + ") Tj ET"
	named := ""
	for i := range pictures {
		content += fmt.Sprintf(" q 468 0 0 560 72 80 cm /P%d Do Q", i)
		named += fmt.Sprintf("/P%d %d 0 R ", i, 6+i)
	}
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject << " + named + ">> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	for _, p := range pictures {
		objects = append(objects, p.object())
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return b.Bytes()
}

// picture is what a scanner sees: grey paper, of a width and a height, and of a seed.
type picture struct {
	width, height int
	seed          uint64
}

func (p picture) object() string {
	grey := make([]byte, p.width*p.height)
	r := rand.New(rand.NewPCG(p.seed, 1))
	for i := range grey {
		grey[i] = byte(200 + r.IntN(56))
	}
	return fmt.Sprintf("<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Length %d >>\nstream\n%s\nendstream",
		p.width, p.height, len(grey), grey)
}

const documentColumns = "client_id, category, title, file_name, mime, content, document_on, uploaded_by, uploaded_at, status, deleted"

var (
	formScan    = scan("Authorization to release information, signed. Scanned at the front desk.")
	formPicture = scan("Authorization to release information, signed. Scanned with its signature.", picture{200, 240, 1})
	outsideScan = scan("Outside records received by fax. Two pages.")
	faxPicture  = scan("Outside records received by fax. Two pages, as pictures.", picture{180, 220, 2}, picture{180, 220, 3})
	courtScan   = scan("Prepared for counsel in anticipation of a hearing.")
)

// pictured is of how many clients one has scans with pictures: they take more room than all else of a client.
const pictured = 12

// documents writes the scans of a client: the signed form, records from elsewhere, now and then papers compiled for a legal proceeding.
func (g *generator) documents(p *person) {
	up := local(g.at(-20, 15))
	form, fax := formScan, outsideScan
	if p.n%pictured == 0 {
		form, fax = formPicture, faxPicture
	}
	p.scan = g.add("documents", documentColumns, p.key, "release_form", "ROI \"signed\"", fmt.Sprintf("roi-%d.pdf", p.key), "application/pdf", form, g.date(-20), 12, up, "final", false)
	if p.slot == slotFull || chance(p.r, 35) {
		g.add("documents", documentColumns, p.key, "outside_record", "Fax from previous provider", "fax.pdf", "application/pdf", fax, g.day(-200).Format("2006-01"), 12, up, "final", chance(p.r, 10))
	}
	if p.slot == slotSignedHalf || p.slot == slotFamilyParent {
		g.add("documents", documentColumns, p.key, "legal", "For counsel", "memo.pdf", "application/pdf", courtScan, g.date(-30), 12, up, "final", false)
	}
	if p.n%11 == 0 {
		g.add("documents", documentColumns, p.key, "inbox", "Unsorted", "scan001.pdf", "application/pdf", outsideScan, nil, 12, up, "pending", false)
	}
}

// referral says that the client came from the referring clinic.
func (g *generator) referral(p *person) {
	p.referrer = ReferringClinic.ID
	g.add("referrals", "client_id, direction, organization_id, person_id, referred_on, status", p.key, "in", p.referrer, 1, g.date(-400), "accepted")
}

// network writes who else cares or pays for the client: referral, care team, coverage.
func (g *generator) network(p *person) {
	if p.slot == slotFull || p.slot == slotCoupleA || p.slot == slotCoupleB || p.slot == slotSignedHalf || chance(p.r, 40) {
		g.referral(p)
	}
	if p.slot.minor() {
		g.add("care_team", "client_id, organization_id, person_id, role, starts_on, ends_on", p.key, 10, 6, "pediatrician", g.date(-900), nil)
	} else if chance(p.r, 25) {
		g.add("care_team", "client_id, organization_id, person_id, role, starts_on, ends_on", p.key, 9, 4, "psychiatrist", g.date(-500), pick(p.r, []any{nil, g.date(-60)}))
	}
	if p.slot != slotSelfPaid {
		p.insurer = pick(p.r, []int64{Insurer.ID, Insurer.ID, 7})
		if p.slot == slotFull {
			p.insurer = Insurer.ID
		}
		g.add("coverages", "client_id, organization_id, member_id, starts_on, ends_on", p.key, p.insurer, fmt.Sprintf("M%09d", 100000000+p.key*31%899999999), g.date(-800), nil)
	}
}
