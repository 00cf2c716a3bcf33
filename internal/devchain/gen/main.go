// Command gen authors the chain that the binary carries and writes it as own.tar.zst and own.txt. `go generate` runs it.
package main

import (
	"archive/tar"
	"bytes"
	"log"
	"os"

	"damson/internal/devchain"
	"damson/interp"
	"damson/node/trace"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := write(); err != nil {
		log.Fatal(err)
	}
}

func write() error {
	chain, err := devchain.Own(interp.New())
	if err != nil {
		return err
	}
	packed, err := pack(files(chain))
	if err != nil {
		return err
	}
	if err := os.WriteFile("own.tar.zst", packed, 0o644); err != nil {
		return err
	}
	return os.WriteFile("own.txt", []byte(devchain.Outcomes(chain)), 0o644)
}

// file is a member of the archive.
type file struct {
	name string
	data []byte
}

// folder is where the files of the archive stand.
const folder = "own/"

// files gives a chain as a trace.
func files(c *devchain.Chain) []file {
	genesis := trace.Genesis{Header: *c.Header, State: trace.Raw(c.Genesis)}
	list := []file{{folder + "genesis.bin", genesis.AppendTo(nil)}}
	for i := range c.Steps {
		s := &c.Steps[i]
		step := trace.Step{Pre: trace.Raw(s.Prior), Block: s.Block, Post: trace.Raw(s.Post)}
		list = append(list, file{folder + s.Name + ".bin", step.AppendTo(nil)})
	}
	return list
}

// pack makes an archive without anything that the clock or this machine would have a part in.
func pack(list []file) ([]byte, error) {
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(8<<20))
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	for _, f := range list {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data)), Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
