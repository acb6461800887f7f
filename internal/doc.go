// Package internal holds the rooms of the gateway. Its test is the plan of the house: who may import whom, and who may call the functions
// that move a resource from one stage to the next.
package internal
