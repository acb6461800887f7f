package practice

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// errValue says that a value does not fit its declared column. It never repeats the value.
var errValue = errors.New("practice: the value does not fit its column")

// fieldError says which field of the objects of an Items column a value does not fit.
type fieldError string

func (fieldError) Error() string { return errValue.Error() }

// Misfit names what a value does not fit, for reports, of the error that Scan gave: the column, or column.field of its objects.
func Misfit(c *Column, err error) string {
	if field := fieldError(""); errors.As(err, &field) {
		return c.Name + "." + string(field)
	}
	return c.Name
}

// Scan converts what a driver or a file yields (nil, int64, float64, bool, string, []byte, time.Time) into the value that the
// column declares, into v. Anything that does not fit is an error and never a guess. zone is the practice's, for localtime.
func Scan(v *Value, c *Column, src any, zone *time.Location) error {
	*v = Value{}
	if src == nil {
		if !c.Nullable {
			return errValue
		}
		return nil
	}
	if err := scanAs(v, c, src, zone); err != nil {
		*v = Value{}
		return err
	}
	v.Type = c.Type
	return nil
}

func scanAs(v *Value, c *Column, src any, zone *time.Location) error {
	switch c.Type {
	case Int:
		return scanInt(v, src)
	case Bool:
		return scanBool(v, src)
	case Text:
		return scanText(v, src)
	case Decimal:
		return scanDecimal(v, src)
	case Date:
		return scanDate(v, src)
	case LocalTime, Instant:
		return scanTime(v, c.Type, src, zone)
	case Bytes:
		return scanBytes(v, src)
	case List, Items:
		return scanArray(v, c, src, zone)
	}
	return errValue
}

func scanInt(v *Value, src any) error {
	switch s := src.(type) {
	case int64:
		v.Int = s
		return nil
	case float64:
		if s == float64(int64(s)) && s > -1<<53 && s < 1<<53 {
			v.Int = int64(s)
			return nil
		}
	case string:
		n, err := strconv.ParseInt(s, 10, 64)
		if err == nil && strconv.FormatInt(n, 10) == s {
			v.Int = n
			return nil
		}
	case []byte:
		return scanInt(v, string(s))
	}
	return errValue
}

func scanBool(v *Value, src any) error {
	switch s := src.(type) {
	case bool:
		v.Bool = s
		return nil
	case int64:
		v.Bool = s == 1
		if s == 0 || s == 1 {
			return nil
		}
	}
	return errValue
}

// scanText also takes numbers, in their canonical form: SQLite keeps a number in a column without type as a number.
func scanText(v *Value, src any) error {
	switch s := src.(type) {
	case string:
		v.Text = s
	case []byte:
		v.Text = string(s)
	case int64:
		v.Text = strconv.FormatInt(s, 10)
	default:
		return errValue
	}
	if !utf8.ValidString(v.Text) {
		return errValue
	}
	return nil
}

func scanBytes(v *Value, src any) error {
	switch s := src.(type) {
	case []byte:
		v.Bytes = s
	case string:
		v.Bytes = []byte(s)
	default:
		return errValue
	}
	return nil
}

func scanDecimal(v *Value, src any) error {
	switch s := src.(type) {
	case int64:
		v.Text = strconv.FormatInt(s, 10)
	case float64:
		v.Text = strconv.FormatFloat(s, 'f', -1, 64)
	case string:
		v.Text = s
	case []byte:
		v.Text = string(s)
	default:
		return errValue
	}
	if !IsDecimal(v.Text) {
		return errValue
	}
	return nil
}

// IsDecimal tells whether s is a decimal in plain notation, without an exponent: -?(0|[1-9][0-9]*)(\.[0-9]+)?
func IsDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, fraction, dot := strings.Cut(s, ".")
	if !digits(whole) || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	return !dot || digits(fraction)
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// CanonicalClient is a client key in its canonical text form: a number in decimal, a UUID in lower case, any other text as it is.
// ok is false for what can be no key.
func CanonicalClient(v Value) (ClientKey, bool) {
	switch v.Type {
	case Int:
		return ClientKey(strconv.FormatInt(v.Int, 10)), true
	case Text:
		if v.Text == "" {
			return "", false
		}
		if isUUID(v.Text) {
			return ClientKey(strings.ToLower(v.Text)), true
		}
		return ClientKey(v.Text), true
	}
	return "", false
}

func isUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	_, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil
}
