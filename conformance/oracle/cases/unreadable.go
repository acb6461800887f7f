package cases

// Breakages is how many ways Unreadable knows to break a Consent.
const Breakages = 7

// Unreadable breaks a Consent so that it cannot be parsed, or its client not be told (the last two ways).
func Unreadable(c object, way int) {
	switch way {
	case 0:
		c["recipients"] = some("everyone")
	case 1:
		delete(c, "scope")
	case 2:
		c["status"] = "aktiv"
	case 3:
		c["provision"] = object{"type": "forbid"}
	case 4:
		c["provision"] = object{"type": "permit", "period": object{"start": "last week"}}
	case 5:
		delete(c, "patient")
	default:
		c["patient"] = object{"display": "Anna"}
	}
}
