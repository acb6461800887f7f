package demo

// PracticeNPI is the practice's own NPI, by which signed forms name it as the one who discloses.
func PracticeNPI() string { return npi(800) }
