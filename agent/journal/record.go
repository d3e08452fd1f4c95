package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A log is a sequence of records: the length of the text that follows, the
// CRC-32C (RFC 3720, appendix B.4) of the length and the text, four bytes each
// with the lowest first, and the text. The text of the first record is the
// log's head; that of each other is a commit.
const (
	frame      = 8
	mostRecord = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// framed returns a record.
func framed(text []byte) []byte { return frameIn(nil, text) }

// frameIn is framed, in the room of a slice that nobody needs any more.
func frameIn(room, text []byte) []byte {
	record := append(append(room[:0], make([]byte, frame)...), text...)
	binary.LittleEndian.PutUint32(record, uint32(len(text)))
	binary.LittleEndian.PutUint32(record[4:], checksum(record))
	return record
}

// checksum returns the checksum of a whole record.
func checksum(record []byte) uint32 {
	return crc32.Update(crc32.Checksum(record[:4], castagnoli), castagnoli, record[frame:])
}

// errBroken is where a log goes on with what is no record.
var errBroken = errors.New("it is no record")

// records reads the records of a log.
type records struct {
	in      *bufio.Reader
	offset  int64 // behind the last record
	record  bytes.Buffer
	failure error // of next, once batch met it
}

func newRecords(in io.Reader) *records { return &records{in: bufio.NewReaderSize(in, 1<<20)} }

// next returns the text of the next record, which is good until the next call;
// io.EOF at the end, and errBroken where what follows is no record.
func (r *records) next() ([]byte, error) {
	if _, err := r.in.Peek(1); errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	head, err := r.in.Peek(frame)
	if errors.Is(err, io.EOF) {
		return nil, errBroken
	}
	if err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(head))
	if length == 0 || length > mostRecord {
		return nil, errBroken
	}
	// The length may be anything: no room is made for more than there is.
	r.record.Reset()
	switch _, err := io.CopyN(&r.record, r.in, frame+length); {
	case errors.Is(err, io.EOF):
		return nil, errBroken
	case err != nil:
		return nil, err
	}
	record := r.record.Bytes()
	if checksum(record) != binary.LittleEndian.Uint32(record[4:]) {
		return nil, errBroken
	}
	r.offset += frame + length
	return record[frame:], nil
}

// anyRecord returns where in data the first record is, or -1.
func anyRecord(data []byte) int {
	for n := 0; n+frame < len(data); n++ {
		length := int64(binary.LittleEndian.Uint32(data[n:]))
		if length == 0 || length > int64(len(data)-n-frame) {
			continue
		}
		record := data[n : n+frame+int(length)]
		if checksum(record) == binary.LittleEndian.Uint32(record[4:]) {
			return n
		}
	}
	return -1
}

// head is what a log says of itself.
type head struct {
	Version int
	After   uint64 // the index of the commit before its first
}

const (
	version  = 1
	headName = "muster-log "
)

// headOf returns the text of a log's first record.
func headOf(after uint64) []byte {
	text, _ := json.Marshal(head{version, after}) // two numbers: it cannot fail
	return append([]byte(headName), text...)
}

// parseHead returns what a log says of itself.
func parseHead(text []byte) (head, error) {
	data, is := bytes.CutPrefix(text, []byte(headName))
	var h head
	if !is || json.Unmarshal(data, &h) != nil {
		return h, errors.New("it does not begin like a log")
	}
	if h.Version != version {
		return h, fmt.Errorf("it was written in version %d of the format, and this muster reads version %d", h.Version, version)
	}
	return h, nil
}

// indexOf returns the index of a commit: that of its first line.
func indexOf(commit []byte) (uint64, error) {
	line, _, _ := bytes.Cut(commit, []byte{'\n'})
	_, data, _ := bytes.Cut(line, []byte{' '})
	var is struct{ Index uint64 }
	if err := json.Unmarshal(data, &is); err != nil {
		return 0, fmt.Errorf("a commit without an index: %w", err)
	}
	return is.Index, nil
}
