package doctor

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/internal/pvm"
	"damson/interp"
	"damson/node/keys"
	"damson/node/srsfile"
)

// timeServer answers with a time that is wrong by so much.
func timeServer(t *testing.T, wrong time.Duration) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stamp := func(at time.Time) uint64 {
		since := at.Sub(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC))
		return uint64(since/time.Second)<<32 | uint64(since%time.Second)<<32/uint64(time.Second)
	}
	go func() {
		var q [128]byte
		for {
			n, from, err := conn.ReadFrom(q[:])
			if err != nil {
				return
			}
			if n < 48 {
				continue
			}
			a := make([]byte, 48)
			a[0], a[1], a[2], a[3] = 0x24, 1, 6, 0xec // version 4, server; a primary one
			copy(a[12:], "GPS\x00")
			now := stamp(time.Now().Add(wrong))
			binary.BigEndian.PutUint64(a[16:], now-1<<32)
			copy(a[24:32], q[40:48])
			binary.BigEndian.PutUint64(a[32:], now)
			binary.BigEndian.PutUint64(a[40:], now)
			_, _ = conn.WriteTo(a, from)
		}
	}()
	return conn.LocalAddr().String()
}

// wrongEngine is an engine that leaves another value in a register.
type wrongEngine struct{ pvm.Engine }

type wrongCode struct{ pvm.Code }

func (e wrongEngine) Compile(p *pvm.Program) (pvm.Code, error) {
	code, err := e.Engine.Compile(p)
	return wrongCode{code}, err
}

func (c wrongCode) Run(m *pvm.Machine) pvm.Exit {
	exit := c.Code.Run(m)
	m.Regs[3] ^= 1 << 40
	return exit
}

// sound gives the options of a machine without a fault, and the folder of its key.
func sound(t *testing.T) Options {
	t.Helper()
	folder := t.TempDir()
	if err := keys.Save(filepath.Join(folder, "a"+keys.Suffix), keys.Trivial(1).Derive(), keys.Options{}); err != nil {
		t.Fatal(err)
	}
	return Options{
		NTP: []string{timeServer(t, 0)}, Keys: folder, Data: filepath.Join(t.TempDir(), "not", "there"), DevSRS: true,
		Ports: []Port{{"peers", "udp", "127.0.0.1:0"}, {"requests", "tcp", "127.0.0.1:0"}},
		Machine: Machine{
			Disk:    func(string) (DiskFigures, error) { return DiskFigures{time.Millisecond, 900}, nil },
			Files:   func() (uint64, error) { return 1 << 20, nil },
			Feature: func(string) bool { return true },
			JIT:     func() (pvm.Engine, error) { return interp.New(), nil },
			Interp:  interp.New(),
		},
	}
}

// keyFile gives the path of the key of sound.
func (o *Options) keyFile() string { return filepath.Join(o.Keys, "a"+keys.Suffix) }

func TestSound(t *testing.T) {
	findings := Examine(t.Context(), sound(t))
	for _, f := range findings {
		if f.Level != Good && !strings.Contains(f.Says, "interpreter runs") {
			t.Errorf("%+v", f)
		}
	}
	if text, err := JSON(findings); err != nil || !json.Valid(text) || !strings.HasPrefix(string(text), `{"healthy":true`) {
		t.Errorf("%s %v", text, err)
	}
}

// TestFaults plants faults one by one, and demands that each is found, alone, with how to mend it.
func TestFaults(t *testing.T) {
	must := func(t *testing.T, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name, check string
		plant       func(t *testing.T, o *Options)
	}{
		{"clock 30 s off", "clock", func(t *testing.T, o *Options) { o.NTP = []string{timeServer(t, 30*time.Second)} }},
		{"port taken", "port peers", func(t *testing.T, o *Options) {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			must(t, err)
			t.Cleanup(func() { _ = c.Close() })
			o.Ports[0].Address = c.LocalAddr().String()
		}},
		{"port of requests taken", "port requests", func(t *testing.T, o *Options) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			t.Cleanup(func() { _ = l.Close() })
			o.Ports[1].Address = l.Addr().String()
		}},
		{"key file world-readable", "key a", func(t *testing.T, o *Options) { must(t, os.Chmod(o.keyFile(), 0o644)) }},
		{"key file corrupt", "key a", func(t *testing.T, o *Options) {
			text, err := os.ReadFile(o.keyFile())
			must(t, err)
			text[len(text)/2] ^= 1
			must(t, os.WriteFile(o.keyFile(), text, 0o600))
		}},
		{"no key file", "keys", func(t *testing.T, o *Options) { must(t, os.Remove(o.keyFile())) }},
		{"read-only data folder", "data folder", func(t *testing.T, o *Options) {
			o.Data = t.TempDir()
			must(t, os.Chmod(o.Data, 0o500))
			if os.Geteuid() == 0 { // to whom no folder is closed
				o.Machine.Create = func(folder string) error { return &fs.PathError{Op: "open", Path: folder, Err: fs.ErrPermission} }
			}
		}},
		{"slow disk", "disk", func(_ *testing.T, o *Options) {
			o.Machine.Disk = func(string) (DiskFigures, error) { return DiskFigures{300 * time.Millisecond, 900}, nil }
		}},
		{"full disk", "disk", func(_ *testing.T, o *Options) {
			o.Machine.Disk = func(string) (DiskFigures, error) { return DiskFigures{}, errors.New("no space left on device") }
		}},
		{"too few file descriptors", "open files", func(_ *testing.T, o *Options) { o.Machine.Files = func() (uint64, error) { return 256, nil } }},
		{"missing CPU feature", "processor", func(_ *testing.T, o *Options) { o.Machine.Feature = func(name string) bool { return name != "BMI2" } }},
		{"JIT and interpreter disagreeing", "recompiler", func(_ *testing.T, o *Options) {
			o.Machine.JIT = func() (pvm.Engine, error) { return wrongEngine{interp.New()}, nil }
		}},
		{"SRS checksum wrong", "reference string", func(t *testing.T, o *Options) {
			o.DevSRS, o.SRS = false, filepath.Join(t.TempDir(), srsfile.Name)
			must(t, os.WriteFile(o.SRS, make([]byte, 300<<10), 0o600))
		}},
	}
	found := 0
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			o := sound(t)
			tc.plant(t, &o)
			hit := false
			for _, f := range Examine(t.Context(), o) {
				if f.Level != Fault {
					continue
				}
				if !strings.HasPrefix(f.Check, tc.check) || f.Fix == "" {
					t.Errorf("not planted, or without a way to mend it: %+v", f)
				}
				hit = true
			}
			if !hit {
				t.Error("not found")
			} else {
				found++
			}
		})
	}
	fmt.Printf("figure %d of %d planted faults found\n", found, len(cases))
}

// TestMachine asks the real machine, whatever it says.
func TestMachine(t *testing.T) {
	m := Machine{}
	m.setDefaults()
	if d, err := m.Disk(t.TempDir()); err != nil || d.Sync <= 0 || d.Stream <= 0 {
		t.Errorf("%+v %v", d, err)
	}
	if n, err := m.Files(); err != nil || n == 0 {
		t.Errorf("%d %v", n, err)
	}
	folder := t.TempDir()
	if err := m.Create(folder); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v is left: %v", left, err)
	}
}

func TestOffline(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := conn.LocalAddr().String()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	o := Options{NTP: []string{silent}}
	if f := o.clock(t.Context()); f.Level != Skipped || !strings.Contains(f.Says, "offline") {
		t.Errorf("%+v", f)
	}
}
