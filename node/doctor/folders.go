package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"damson/node/keys"
	"damson/node/srsfile"
)

// keys opens each key file.
func (o *Options) keys() []Finding {
	const check = "keys"
	if o.Keys == "" {
		return []Finding{{check, Skipped, "no folder of keys is named: the node follows the chain, and is no validator", ""}}
	}
	paths, err := filepath.Glob(filepath.Join(o.Keys, "*"+keys.Suffix))
	if _, statErr := os.Stat(o.Keys); err == nil {
		err = statErr
	}
	if err != nil {
		return []Finding{{check, Fault, err.Error(), "Name the folder that the key files are in."}}
	}
	if len(paths) == 0 {
		return []Finding{{check, Fault, o.Keys + " has no key files (*" + keys.Suffix + ")", "Make one: damson keys generate."}}
	}
	var findings []Finding
	for _, path := range paths {
		findings = append(findings, o.key(path))
	}
	return findings
}

func (o *Options) key(path string) Finding {
	name := "key " + filepath.Base(path)
	v, err := keys.Load(path, keys.Options{Passphrase: o.Secret})
	switch {
	case err == nil:
		return Finding{name, Good, "of " + v.PeerName(), ""}
	case errors.Is(err, keys.ErrReadable):
		return Finding{name, Fault, "others than its owner can read it", "chmod 600 " + path + "; if others have been on this machine, make a new key."}
	case errors.Is(err, keys.ErrPassphrase) && o.Secret == nil:
		return Finding{name, Skipped, "it is encrypted, and was not opened", "Give --passphrase-file to have it opened."}
	case errors.Is(err, keys.ErrPassphrase):
		return Finding{name, Fault, "the passphrase is wrong, or the file is damaged", "Look at the passphrase, or take the file from a backup."}
	}
	return Finding{name, Fault, err.Error(), "Take the file from a backup."}
}

// How fast a disk should be. A validator syncs before it seals and before it votes.
const (
	syncSlow   = 20 * time.Millisecond
	syncBad    = 100 * time.Millisecond
	streamSlow = 100 // MB/s
	streamBad  = 20
)

// data looks whether the folder can be written to, and how fast.
func (o *Options) data() []Finding {
	const check, speed = "data folder", "disk"
	if o.Data == "" {
		return []Finding{{check, Skipped, "no folder is named", ""}}
	}
	folder, err := existing(o.Data)
	if err == nil {
		err = o.Machine.Create(folder)
	}
	if err != nil {
		return []Finding{{
			check, Fault, fmt.Sprintf("nothing can be written to %s: %v", o.Data, err),
			"See that it belongs to who runs the node, that the file system is not mounted read-only, and that it is not full.",
		}}
	}
	findings := []Finding{{check, Good, o.Data + " can be written to", ""}}
	d, err := o.Machine.Disk(folder)
	if err != nil {
		return append(findings, Finding{speed, Fault, err.Error(), "See that there is room on the disk."})
	}
	says := fmt.Sprintf("half of the small writes are on the disk within %v, large ones at %.0f MB/s", d.Sync.Round(10*time.Microsecond), d.Stream)
	fix := "Have the data on an SSD of this machine: network disks and cards are too slow for a validator."
	switch {
	case d.Sync >= syncBad || d.Stream < streamBad:
		return append(findings, Finding{speed, Fault, says, fix})
	case d.Sync >= syncSlow || d.Stream < streamSlow:
		return append(findings, Finding{speed, Warning, says, fix})
	}
	return append(findings, Finding{speed, Good, says, ""})
}

// existing gives the folder, or the closest above it that there is.
func existing(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	for err == nil {
		var info os.FileInfo
		if info, err = os.Stat(folder); err == nil && !info.IsDir() {
			return "", fmt.Errorf("%s is no folder", folder)
		}
		if err == nil || !errors.Is(err, os.ErrNotExist) || filepath.Dir(folder) == folder {
			break
		}
		folder, err = filepath.Dir(folder), nil
	}
	return folder, err
}

// create makes a file, and removes it.
func create(folder string) error {
	file, err := os.CreateTemp(folder, ".damson-doctor-*")
	if err != nil {
		return err
	}
	_, err = file.WriteString("damson doctor was here\n")
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// measureDisk writes little things and waits for each, and then a large one.
func measureDisk(folder string) (d DiskFigures, err error) {
	file, err := os.CreateTemp(folder, ".damson-doctor-*")
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	const small, count, large, pieces = 4 << 10, 15, 1 << 20, 32
	block := make([]byte, large)
	for i := range block {
		block[i] = byte(i * 7)
	}
	var took []time.Duration
	write := func(b []byte) error {
		if _, err := file.Write(b); err != nil {
			return err
		}
		return nil
	}
	for range count {
		began := time.Now()
		if err := errors.Join(write(block[:small]), file.Sync()); err != nil {
			return d, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	d.Sync = took[count/2]
	began := time.Now()
	for range pieces {
		if err := write(block); err != nil {
			return d, err
		}
	}
	err = file.Sync()
	d.Stream = float64(large*pieces) / 1e6 / max(time.Since(began).Seconds(), 1e-9)
	return d, err
}

// srs looks for the reference string, whose checksum is verified when it is read.
func (o *Options) srs() Finding {
	const check = "reference string"
	if o.DevSRS {
		return Finding{check, Good, "the chain rests on the development string, which comes with the program", ""}
	}
	path, err := srsfile.Find(srsfile.Options{Path: o.SRS})
	if err == nil {
		_, err = srsfile.Load(srsfile.Options{Path: o.SRS})
	}
	switch {
	case err == nil:
		return Finding{check, Good, path + " is the one of the ceremony", ""}
	case errors.Is(err, srsfile.ErrNone):
		return Finding{
			check, Warning, "there is none: the node makes no tickets, and authors in fallback mode alone",
			"Put " + srsfile.Name + " into " + srsfile.DataFolder() + ", or name it with --srs.",
		}
	}
	return Finding{check, Fault, err.Error(), "Get the file anew: it is damaged, or another one."}
}
