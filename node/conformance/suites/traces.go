package suites

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"damson/node/conformance"
	"damson/node/replay"
)

// traceFile imports a step of a trace and compares every entry of the state that results.
func traceFile(r *Runner, f *file, result *Result) {
	at := r.replays[f.dir]
	if at == nil {
		clear(r.replays) // steps of a family follow one another
		at = replay.New(replay.Options{Params: f.params, Importer: r.importer})
		r.replays[f.dir] = at
	}
	before := at.Summary()
	err := at.File(f.path, f.data)
	after := at.Summary()
	switch {
	case err != nil:
		result.judge(f.path, err)
	case after.Failed > before.Failed:
		result.judge(f.path, errors.New(after.Failures[len(after.Failures)-1].Reason))
	case after.Steps > before.Steps:
		result.judge(f.path, nil)
	}
}

// recording is a recorded session of the fuzz protocol that is being replayed.
type recording struct {
	dir    string
	answer func([]byte) (*conformance.Message, error) // nil where only a part of a session was recorded
	last   *conformance.Message                       // answered, and not compared yet
}

// sessionFile takes one message of a recorded session: it sends what the fuzzer sent, or compares an answer.
func sessionFile(r *Runner, f *file, result *Result) {
	s := &r.session
	m, err := conformance.DecodeMessage(f.data, f.params)
	if err == nil && !bytes.Equal(m.AppendTo(nil), f.data) {
		err = errors.New("encodes differently")
	}
	if err != nil {
		result.judge(f.path, err)
		return
	}
	if f.dir != s.dir {
		*s = recording{dir: f.dir}
		if m.Kind == conformance.KindPeerInfo {
			s.answer = r.target.Session()
		}
	}
	switch _, what, _ := strings.Cut(filepath.Base(f.name), "_"); {
	case s.answer == nil:
		result.judge(f.path, nil) // only its encoding can be checked
	case strings.HasPrefix(what, "fuzzer_"):
		if s.last, err = s.answer(f.data); err != nil {
			result.judge(f.path, fmt.Errorf("the session ended: %w", err))
			s.answer = nil
		}
	case s.last == nil:
		result.judge(f.path, errors.New("nothing was asked before it"))
	default:
		result.judge(f.path, compareAnswers(s.last, m))
	}
}

// compareAnswers compares an answer with the one recorded. Names, and the text of an error, are free.
func compareAnswers(got, want *conformance.Message) error {
	switch {
	case got.Kind != want.Kind && got.Kind == conformance.KindError:
		return fmt.Errorf("answered by the error %q, want %s", got.Text, want.Kind)
	case got.Kind != want.Kind:
		return fmt.Errorf("answered by %s, want %s %s", got.Kind, want.Kind, want.Text)
	case want.Kind == conformance.KindPeerInfo && got.PeerInfo.JAM != want.PeerInfo.JAM:
		return same("jam_version", got.PeerInfo.JAM, want.PeerInfo.JAM)
	case want.Kind == conformance.KindStateRoot && got.Hash != want.Hash:
		return fmt.Errorf("root %s, want %s", got.Hash, want.Hash)
	case want.Kind == conformance.KindState && !bytes.Equal(got.AppendTo(nil), want.AppendTo(nil)):
		return same("entries", got.Entries, want.Entries)
	}
	return nil
}
