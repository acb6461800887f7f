package policy

import (
	"slices"
	"strconv"

	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	pb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/consent_go_proto"

	"github.com/consentry/gateway/internal/fhir"
)

// root reads the root provision. A Consent without one says what its policyRule says of everything (rule 9).
func (c *compiler) root(consent *pb.Consent) *Provision {
	p := consent.GetProvision()
	if p == nil {
		p = &pb.Consent_Provision{}
	}
	return c.provision(p, &Provision{Effect: c.untyped(codings(consent.GetPolicyRule()), p)}, "provision")
}

// untyped is what a root without a type is: a deny under a dissent, silent under an assent, a doubt under anything else.
func (c *compiler) untyped(rule []fhir.Coding, root *pb.Consent_Provision) Effect {
	switch w := c.reading.words; {
	case root.GetType().GetValue() != cpb.ConsentProvisionTypeCode_INVALID_UNINITIALIZED:
	case anyOf(w.dissent, rule):
		return Deny
	case !anyOf(w.assent, rule):
		c.doubt("policyRule of an untyped provision")
	}
	return Silent
}

// provision reads a provision and all below it. Everything that the parent's path states is inherited.
func (c *compiler) provision(p *pb.Consent_Provision, parent *Provision, path string) *Provision {
	node := &Provision{
		Path: path, Periods: parent.Periods, Actors: parent.Actors, Actions: parent.Actions, Purposes: parent.Purposes, Labels: parent.Labels,
		Classes: parent.Classes, Codes: parent.Codes, DataPeriods: parent.DataPeriods, Data: parent.Data,
		LabelsOfPermit: parent.LabelsOfPermit || parent.Effect != Deny,
	}
	switch p.GetType().GetValue() {
	case cpb.ConsentProvisionTypeCode_PERMIT:
		node.Effect = Permit
	case cpb.ConsentProvisionTypeCode_DENY:
		node.Effect = Deny
	default:
		if path == "provision" {
			node.Effect = parent.Effect // what the policyRule makes of it
		} else {
			c.doubt(path + ": no type")
		}
	}
	if len(p.GetModifierExtension()) > 0 {
		// What it states cannot be read and counts as matching: nothing of it narrows, and what it would replace counts no more.
		c.doubt(path + ".modifierExtension")
		if len(p.GetPurpose()) > 0 {
			node.Purposes = nil
		}
		if len(p.GetSecurityLabel()) > 0 {
			node.Labels = nil
		}
		c.custodians(c.actors(p, path))
	} else {
		c.attributes(p, node)
	}
	for i, nested := range p.GetProvision() {
		node.Children = append(node.Children, c.provision(nested, node, path+".provision["+strconv.Itoa(i)+"]"))
	}
	return node
}

// attributes adds what a provision states itself (rule 10): purpose and securityLabel replace, everything else narrows.
func (c *compiler) attributes(p *pb.Consent_Provision, node *Provision) {
	if p.GetPeriod() != nil {
		period := c.period(p.GetPeriod())
		c.boundary(period.Interval)
		node.Periods = with(node.Periods, period)
	}
	if actors := c.actors(p, node.Path); len(actors) > 0 {
		c.custodians(actors)
		node.Actors = with(node.Actors, actors)
	}
	if len(p.GetAction()) > 0 {
		node.Actions = with(node.Actions, c.actions(p.GetAction()))
	}
	if len(p.GetPurpose()) > 0 {
		node.Purposes = codingList(p.GetPurpose())
	}
	if len(p.GetSecurityLabel()) > 0 {
		node.Labels, node.LabelsOfPermit = c.reading.Labels.Listed(codingList(p.GetSecurityLabel())), false
	}
	if node.Effect == Permit && node.Labels != nil && node.Labels.Sensitive {
		c.policy.NamesSensitivity = true
	}
	if len(p.GetClassValue()) > 0 {
		node.Classes = with(node.Classes, classes(p.GetClassValue()))
	}
	if len(p.GetCode()) > 0 {
		node.Codes = with(node.Codes, c.codes(p.GetCode()))
	}
	if p.GetDataPeriod() != nil {
		node.DataPeriods = with(node.DataPeriods, c.period(p.GetDataPeriod()))
	}
	if len(p.GetData()) > 0 {
		node.Data = with(node.Data, c.data(p.GetData(), node.Path))
	}
}

func (c *compiler) custodians(actors []Actor) {
	for _, a := range actors {
		if a.Custodian {
			c.policy.Custodians = append(c.policy.Custodians, a.Party)
		}
	}
}

// with adds to what is inherited without changing it: siblings share it.
func with[T any](inherited []T, own T) []T { return append(slices.Clip(slices.Clone(inherited)), own) }
