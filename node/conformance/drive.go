package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"damson/internal/archive"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/difference"
	"damson/node/trace"
	"damson/state"
)

// maxDifferences bounds how many entries of a wrong state are named.
const maxDifferences = 5

// DriveOptions configures NewDrive. Params and Socket must be set.
type DriveOptions struct {
	Params   *protocol.Params
	Socket   string        // of the target
	Features Features      // offered to the target; ancestors are sent if both know FeatureAncestry
	Version  Version       // of this program
	Timeout  time.Duration // for an answer; 0 means for ever
	Progress func(path string)
}

// Failure is an answer other than expected.
type Failure struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Family is what came of one trace or recorded session.
type Family struct {
	Name     string    `json:"family"`
	Begun    int       `json:"begun_from"` // steps whose posterior state a chain was begun with, as their parents are unknown
	Unsent   int       `json:"unsent"`     // after the session broke, or before there was a chain
	Stats    Stats     `json:"stats"`
	Failures []Failure `json:"failures"`
}

// Report is what came of all of them. Info and Stats are those of the published reports.
type Report struct {
	Info     PeerInfo  `json:"info"`
	Stats    Stats     `json:"stats"`
	Families []*Family `json:"families"`
}

// Drive sends the blocks of traces, and the messages of recorded sessions, to a target and judges its answers.
type Drive struct {
	opts    DriveOptions
	client  *client           // nil if there is no session
	broken  bool              // the session of this family ended early
	genesis map[string][]byte // of the families in an archive, by their folders
	dir     string            // of the family
	family  *Family
	seen    map[protocol.Hash]link // good blocks of the family so far
	known   map[protocol.Hash]bool // blocks of the present chain
	request *Message               // of a recorded session, answered but not judged
	answer  *Message
	report  Report
}

// link is what ancestors are followed by.
type link struct {
	slot   protocol.Slot
	parent protocol.Hash
}

// NewDrive makes a Drive.
func NewDrive(o DriveOptions) *Drive {
	return &Drive{opts: o, genesis: make(map[string][]byte), report: Report{Families: []*Family{}}}
}

// Report closes the connection and gives what came of all.
func (d *Drive) Report() *Report {
	d.Close()
	d.report.Stats = Stats{}
	for _, f := range d.report.Families {
		f.Stats.fill()
		d.report.Stats.add(&f.Stats)
	}
	d.report.Stats.fill()
	return &d.report
}

// Close ends the session, if there is one.
func (d *Drive) Close() {
	if d.client != nil {
		d.client.close()
		d.client = nil
	}
}

// Path drives the target through what a path holds: a folder, an archive, or one file. An error is about the path or
// the socket; what the target does wrong is reported.
func (d *Drive) Path(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".bin") && !archive.Is(name) {
				return err
			}
			return d.Path(name)
		})
	case archive.Is(path):
		return d.archive(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return d.File(path, data)
}

// genesisFile is what a trace begins with, though by its name it may come after the steps.
const genesisFile = "genesis.bin"

// maxAhead bounds what is read of an archive before the first block is sent.
const maxAhead = 512 << 20

// archive drives the target through an archive. It is read as a whole first, for the beginnings of its families and because
// a target that is timed should not share the machine with us unpacking; but a very large one once more, as it is sent.
func (d *Drive) archive(path string) error {
	type file struct {
		path string
		data []byte
	}
	var files []file
	size := 0
	clear(d.genesis)
	err := archive.Read(path, func(name string, data []byte) error {
		name = path + ":" + name
		if filepath.Base(name) == genesisFile {
			d.genesis[filepath.Dir(name)] = data
		}
		if size += len(data); size <= maxAhead {
			files = append(files, file{name, data})
		} else {
			files = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	if size > maxAhead {
		return archive.Read(path, func(name string, data []byte) error { return d.File(path+":"+name, data) })
	}
	for i := range files {
		if err := d.File(files[i].path, files[i].data); err != nil {
			return err
		}
		files[i].data = nil
	}
	return nil
}

// File takes one file of a trace or session. Files of one folder are a family, which has a session of its own.
func (d *Drive) File(path string, data []byte) error {
	name, isBin := strings.CutSuffix(filepath.Base(path), ".bin")
	if !isBin {
		return nil
	}
	if filepath.Base(path) == genesisFile {
		return nil // the family began with it
	}
	if dir := filepath.Dir(path); d.family == nil || dir != d.dir {
		if err := d.begin(dir); err != nil {
			return err
		}
	}
	if d.opts.Progress != nil {
		d.opts.Progress(path)
	}
	number, recorded, isRecord := strings.Cut(name, "_")
	var err error
	switch {
	case d.broken:
		d.family.Unsent++
		return nil
	case isRecord && strings.HasPrefix(recorded, "fuzzer_"):
		err = d.sendRecorded(path, data)
	case isRecord && strings.HasPrefix(recorded, "target_"):
		err = d.compareRecorded(path, number, data)
	default:
		err = d.step(path, data)
	}
	return d.survive(path, err)
}

// survive reports an error of the target, after which the rest of a family is left out, and gives any other.
func (d *Drive) survive(path string, err error) error {
	if _, broke := errors.AsType[*answerError](err); broke {
		d.fail(path, "%v", err)
		d.broken = true
		return nil
	}
	return err
}

// begin begins a family and its session.
func (d *Drive) begin(dir string) (err error) {
	d.Close()
	d.dir, d.broken, d.known, d.request = dir, false, nil, nil
	d.seen = make(map[protocol.Hash]link)
	d.family = &Family{Name: filepath.Base(dir), Failures: []Failure{}}
	if _, member, packed := strings.Cut(d.family.Name, archive.Ext+":"); packed {
		d.family.Name = member
	}
	d.report.Families = append(d.report.Families, d.family)
	if d.client, err = dial(&d.opts); err != nil {
		return fmt.Errorf("%s: %w", d.opts.Socket, err)
	}
	d.report.Info = d.client.peer
	path := filepath.Join(dir, genesisFile)
	data, ok := d.genesis[dir]
	if !ok {
		if data, err = os.ReadFile(path); err != nil {
			return nil // it has none
		}
	}
	g, err := trace.DecodeGenesis(data, d.opts.Params)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return d.survive(path, d.initialize(path, &g.Header, &g.State))
}

func (d *Drive) fail(path, format string, args ...any) {
	d.family.Stats.Mismatched++
	d.family.Failures = append(d.family.Failures, Failure{path, fmt.Sprintf(format, args...)})
}

// initialize begins a chain with the state after a block.
func (d *Drive) initialize(path string, header *block.Header, after *trace.RawState) error {
	hash := header.Hash()
	d.seen[hash] = link{header.Slot, header.Parent}
	d.known = map[protocol.Hash]bool{hash: true}
	begin := &Initialize{Header: *header, Entries: after.Entries}
	if d.client.features&FeatureAncestry != 0 {
		for len(begin.Ancestry) < int(d.opts.Params.LookupAnchorAge) {
			at, ok := d.seen[hash]
			if !ok {
				break
			}
			begin.Ancestry = append(begin.Ancestry, Ancestor{at.slot, hash})
			hash = at.parent
		}
	}
	answer, _, err := d.client.ask(&Message{Kind: KindInitialize, Initialize: begin}, KindStateRoot)
	switch {
	case err != nil:
		return err
	case answer.Kind == KindError:
		return answerErrorf("Initialize was answered by the error %q", answer.Text)
	case answer.Hash != after.Root:
		d.fail(path, "root of the first state is %s, want %s", answer.Hash, after.Root)
	}
	return nil
}

// step sends a block, or begins a chain after it if its parent was not imported before: a parent that is in no
// file has no header that an Initialize could name.
func (d *Drive) step(path string, data []byte) error {
	step, err := trace.DecodeStep(data, d.opts.Params)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var v block.View
	if err := v.Decode(step.Block, d.opts.Params); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case step.Refused() && d.known == nil:
		d.family.Unsent++
		return nil
	case !step.Refused() && !d.known[v.Header.Parent]:
		d.family.Begun++
		return d.initialize(path, &v.Header, &step.Post)
	}
	answer, took, err := d.client.ask(&Message{Kind: KindImportBlock, Block: step.Block}, KindStateRoot)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".bin"))
	if err != nil {
		number = d.family.Stats.Steps + 1
	}
	d.family.Stats.timed(number, took)
	if v.Header.EpochMark != nil {
		d.family.Stats.epoch(took)
	}
	if !step.Refused() {
		d.seen[v.HeaderHash()] = link{v.Header.Slot, v.Header.Parent}
		d.known[v.HeaderHash()] = true
	}
	return d.judge(path, step, v.HeaderHash(), answer)
}

// judge compares an answer with what the trace says.
func (d *Drive) judge(path string, step *trace.Step, header protocol.Hash, answer *Message) error {
	refused := answer.Kind == KindError
	switch {
	case step.Refused() && refused:
		d.family.Stats.Refused++
	case step.Refused():
		d.fail(path, "accepted with root %s, must be refused", answer.Hash)
	case refused:
		d.fail(path, "refused: %s; must be accepted with root %s", answer.Text, step.Post.Root)
	case answer.Hash != step.Post.Root:
		return d.explain(path, step, header, answer.Hash)
	default:
		d.family.Stats.Imported++
	}
	return nil
}

// explain asks for a state that is not as it should be and names the entries that differ.
func (d *Drive) explain(path string, step *trace.Step, header, root protocol.Hash) error {
	why := fmt.Sprintf("root %s, want %s", root, step.Post.Root)
	want, err := step.Post.State(d.opts.Params)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	raw, err := d.client.state(header)
	if err != nil {
		d.fail(path, "%s; %v", why, err)
		return err
	}
	found := state.New(d.opts.Params, raw.Entries)
	if found.Root() != root {
		why += fmt.Sprintf(", and the root of the state given is %s", found.Root())
	}
	if named := difference.States(found, want, maxDifferences); named != "" {
		why += "; " + named
	}
	d.fail(path, "%s", why)
	return nil
}

// sendRecorded sends a message of a recorded session. What was answered then is in the next file.
func (d *Drive) sendRecorded(path string, data []byte) (err error) {
	d.request, err = DecodeMessage(data, d.opts.Params)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if d.request.Kind == KindPeerInfo {
		return nil // the handshake is over
	}
	want := map[Kind]Kind{KindInitialize: KindStateRoot, KindImportBlock: KindStateRoot, KindGetState: KindState}[d.request.Kind]
	answer, took, err := d.client.ask(d.request, want)
	if err != nil {
		return err
	}
	if d.request.Kind == KindImportBlock {
		d.family.Stats.timed(d.family.Stats.Steps+1, took)
	}
	d.answer = answer
	return nil
}

// compareRecorded compares the last answer with the recorded one. The text of an error is free.
func (d *Drive) compareRecorded(path, number string, data []byte) error {
	want, err := DecodeMessage(data, d.opts.Params)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if d.request == nil {
		return fmt.Errorf("%s: no message %s of the fuzzer stands before it", path, number)
	}
	asked := d.request.Kind
	d.request = nil
	switch {
	case asked == KindPeerInfo:
	case d.answer.Kind != want.Kind && d.answer.Kind == KindError:
		d.fail(path, "%s was answered by the error %q, want %s %s", asked, d.answer.Text, want.Kind, want.Hash)
	case d.answer.Kind != want.Kind:
		d.fail(path, "%s was answered by %s %s, want the error %q", asked, d.answer.Kind, d.answer.Hash, want.Text)
	case want.Kind == KindError:
		d.family.Stats.Refused++
	case string(d.answer.AppendTo(nil)) != string(data):
		d.fail(path, "%s was answered by %s, want %s", asked, d.answer.Hash, want.Hash)
	case asked == KindImportBlock:
		d.family.Stats.Imported++
	}
	return nil
}
