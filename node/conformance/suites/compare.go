package suites

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"damson/internal/protocol"
	"damson/node/difference"
)

// same is an error that says where got is not want, by the first field that differs.
func same(what string, got, want any) error {
	if differ := difference.Values(got, want); differ != "" {
		return errors.New(what + gap(differ) + differ)
	}
	return nil
}

// gap stands between the name of a value and what is said of it: nothing before a field or an index.
func gap(differ string) string {
	if strings.HasPrefix(differ, ".") || strings.HasPrefix(differ, "[") || strings.HasPrefix(differ, " ") {
		return ""
	}
	return " "
}

// first gives the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// verdict compares what a part says of its input with the code of a vector, which is empty where the input is good.
func verdict(err error, want string) error {
	got := ""
	if err != nil {
		rule, ok := errors.AsType[protocol.Invalid](err)
		if !ok {
			return fmt.Errorf("this node failed: %w", err)
		}
		got = rule.Code()
	}
	switch {
	case got == want:
		return nil
	case want == "":
		return fmt.Errorf("refused: %w; must be accepted", err)
	case got == "":
		return fmt.Errorf("accepted, must be refused as %s", want)
	}
	return fmt.Errorf("refused: %w; must be refused as %s", err, want)
}

// code gives the name of an error code.
func code(names []string, c uint8) string {
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("error %d", c)
}

// octets is hexadecimal in JSON, with or without 0x.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(strings.TrimPrefix(string(text), "0x"))
	return err
}

// cases decodes a file that holds a list, and runs each element.
func cases[T any](f *file, result *Result, run func(*T) error) {
	var list []T
	if err := json.Unmarshal(f.data, &list); err != nil {
		result.judge(f.path, err)
		return
	}
	if len(list) == 0 {
		result.judge(f.path, errors.New("no vectors in it"))
	}
	for i := range list {
		result.judge(fmt.Sprintf("%s: case %d", f.path, i), run(&list[i]))
	}
}
