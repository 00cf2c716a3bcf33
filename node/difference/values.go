package difference

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
)

// Values says where two values of one type first differ: by field, in the order of the type. It is empty where they do
// not. A nil list equals an empty one, as an encoding cannot tell them apart; fields that are not exported are left out.
func Values(got, want any) string {
	path, x, y, differ := first(reflect.ValueOf(got), reflect.ValueOf(want))
	switch {
	case !differ:
		return ""
	case path == "":
		return fmt.Sprintf("is %s, want %s", x, y)
	}
	return fmt.Sprintf("%s is %s, want %s", path, x, y)
}

// first finds the first field, in order, in which two values of one type differ.
func first(a, b reflect.Value) (path, x, y string, differ bool) {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return "", text(a), text(b), a.IsNil() != b.IsNil()
		}
		return first(a.Elem(), b.Elem())
	case reflect.Struct:
		return firstOfStruct(a, b)
	case reflect.Map:
		return firstOfMap(a, b)
	case reflect.Slice, reflect.Array:
		if a.Type().Elem().Kind() == reflect.Uint8 {
			return firstOctet(octets(a), octets(b))
		}
		if a.Len() != b.Len() {
			return " count", fmt.Sprint(a.Len()), fmt.Sprint(b.Len()), true
		}
		for i := range a.Len() {
			if path, x, y, differ := first(a.Index(i), b.Index(i)); differ {
				return fmt.Sprintf("[%d]%s", i, path), x, y, true
			}
		}
		return "", "", "", false
	default:
		return "", text(a), text(b), !a.Equal(b)
	}
}

// shown is how many octets are shown of a value.
const shown = 40

// firstOctet shows two octet strings, from where they differ if that would not be seen otherwise.
func firstOctet(a, b string) (path, x, y string, differ bool) {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	if at < shown {
		return "", short([]byte(a)), short([]byte(b)), a != b
	}
	return fmt.Sprintf(" from octet %d", at), short([]byte(a[at:])), short([]byte(b[at:])), a != b
}

func firstOfStruct(a, b reflect.Value) (path, x, y string, differ bool) {
	for i := range a.NumField() {
		if !a.Type().Field(i).IsExported() {
			continue
		}
		if path, x, y, differ := first(a.Field(i), b.Field(i)); differ {
			return "." + a.Type().Field(i).Name + path, x, y, true
		}
	}
	return "", "", "", false
}

// firstOfMap goes through the keys in the order of how they are printed.
func firstOfMap(a, b reflect.Value) (path, x, y string, differ bool) {
	keys := a.MapKeys()
	for _, k := range b.MapKeys() {
		if !a.MapIndex(k).IsValid() {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(k, l reflect.Value) int {
		if text(k) < text(l) {
			return -1
		}
		return 1
	})
	for _, k := range keys {
		inA, inB := a.MapIndex(k), b.MapIndex(k)
		if !inA.IsValid() || !inB.IsValid() {
			return "[" + text(k) + "]", text(inA), text(inB), true
		}
		if path, x, y, differ := first(inA, inB); differ {
			return "[" + text(k) + "]" + path, x, y, true
		}
	}
	return "", "", "", false
}

// octets gives the octets of a slice or an array.
func octets(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		return string(v.Bytes())
	}
	b := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(b), v)
	return string(b)
}

// text prints a value, octets in hexadecimal.
func text(v reflect.Value) string {
	switch {
	case !v.IsValid():
		return "missing"
	case v.Kind() == reflect.Pointer && v.IsNil():
		return "none"
	case v.Kind() == reflect.Pointer:
		return text(v.Elem())
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) && v.Type().Elem().Kind() == reflect.Uint8:
		return short([]byte(octets(v)))
	case v.CanInterface():
		return fmt.Sprint(v.Interface())
	}
	return v.String()
}

// short gives octets in hexadecimal, cut where they are many.
func short(b []byte) string {
	if len(b) <= shown {
		return "0x" + hex.EncodeToString(b)
	}
	return fmt.Sprintf("0x%s… (%d octets)", hex.EncodeToString(b[:shown]), len(b))
}
