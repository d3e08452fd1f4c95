// Package journal keeps a registry's state on disk: what was written is there
// after a crash, a kill or a power failure, from the moment that the write is
// acknowledged.
//
// A folder holds states and logs, each with a number:
//
//	lock          held by the agent that uses the folder, with its process id
//	00000007.state   everything there was, as [state.Snapshot.Save] writes it
//	00000007.log     the commits after that state, and
//	00000008.log     those after that log
//
// A commit is appended to the last log and synced before anybody sees it. When
// the logs have grown large, a new log begins and the state before it is
// written beside it, while writes go on; then what came before is removed.
// Every log says after which commit it begins, so that nothing can be missing
// between two files unnoticed. Each sync of a log makes sure that the next
// agent will find it: a folder or log that is removed or moved takes no commits.
//
// The package knows files and commits, not what is in them.
package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/quiet"
)

// Config has what may be chosen. The zero value works.
type Config struct {
	// Logger hears of what was found at the start and of what fails later. Nil
	// means silence.
	Logger *slog.Logger
	// LogSize is how many bytes of commits are kept before the state is written
	// anew, unless the state itself is larger; 64 MiB by default.
	LogSize int64
	// CutDamaged goes on without a damaged part of a log and all that follows
	// it, where [Open] would refuse with [Damaged]. The files are kept aside.
	CutDamaged bool
}

// Journal is an open folder. It is a [state.Keeper].
type Journal struct {
	disk   disk
	config Config

	number int    // of the last log
	log    file   // nil while there is none that can be written
	after  uint64 // the index of the last commit that is safe
	grown  int64  // bytes of commits since the last state
	limit  int64  // of grown, before the state is written anew
	room   []byte // of the last record, for the next

	seen    time.Time // when the next agent would have found the log
	failure error     // why the last commit could not be kept; nil when it was
	retry   time.Time // when to try again

	saving sync.WaitGroup // the state that is being written, beside the commits
	size   int64          // of the last state; belongs to saving while that goes on
}

var _ state.Keeper = (*Journal)(nil)

// mostLogs is how many logs there may be after a state: each restart begins
// one.
const mostLogs = 32

// mostRoom is how much room a record leaves to the next at most.
const mostRoom = 1 << 20

// retryAfter is how long a journal that failed says so before it tries again:
// each try writes the whole state.
const retryAfter = time.Second

// LookEvery is how often a store to which nothing is written is to be asked whether it
// can keep something: the folder is looked at then, unless it was seen a moment ago.
const (
	LookEvery = 5 * time.Second
	seenFor   = time.Second
)

// Open takes the folder, which it makes if there is none, and returns what is
// kept there; a [state.Store] is to go on from it with the journal as its
// keeper. Errors: [ErrInUse], [ErrConsul], [Damaged], and those of the disk. Close the
// journal when the store is written no more.
func Open(dir string, config Config) (*Journal, *state.Saved, error) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, nil, err
	}
	j, saved, err := open(d, config)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, err), d.close())
	}
	return j, saved, nil
}

// open is Open on a disk that nobody else uses.
func open(d disk, config Config) (*Journal, *state.Saved, error) {
	config.Logger = quiet.Logger(config.Logger)
	if config.LogSize <= 0 {
		config.LogSize = 64 << 20
	}
	found, err := recoverFrom(d, config)
	if err != nil {
		return nil, nil, err
	}
	j := &Journal{
		disk: d, config: config,
		number: found.number, after: found.saved.Index(), grown: found.grown,
		limit: max(config.LogSize, found.size), size: found.size,
	}
	if found.logs >= mostLogs {
		j.grown = j.limit + 1
	}
	if len(found.cut) > 0 {
		if err := j.cut(found); err != nil {
			return nil, nil, err
		}
	}
	if err := j.begin(); err != nil {
		return nil, nil, err
	}
	return j, found.saved, nil
}

// cut keeps what could be read of a damaged folder, and then puts aside what
// could not.
func (j *Journal) cut(found *recovered) error {
	j.number++
	size, err := j.save(found.saved.Snapshot(), j.number)
	if err != nil {
		return err
	}
	j.grown, j.size, j.limit = 0, size, max(j.config.LogSize, size)
	for _, number := range found.cut {
		if err := j.disk.rename(logName(number), logName(number)+damagedEnd); err != nil {
			return err
		}
	}
	return nil
}

// begin begins the next log, after the last commit that is safe.
func (j *Journal) begin() error {
	if j.log != nil {
		_ = j.log.Close() // all that it has is synced, or given up
		j.log = nil
	}
	name := logName(j.number + 1)
	next, err := j.disk.create(name)
	if err != nil {
		return fmt.Errorf("begin a log: %w", err)
	}
	j.number++
	if err := write(next, framed(headOf(j.after))); err != nil {
		return errors.Join(fmt.Errorf("begin log %s: %w", name, err), next.Close())
	}
	if err := j.disk.sync(); err != nil {
		return errors.Join(fmt.Errorf("begin log %s: %w", name, err), next.Close())
	}
	j.log = next
	return nil
}

// write appends a record to a file, and returns when it is safe.
func write(f file, record []byte) error {
	if _, err := f.Write(record); err != nil {
		return err
	}
	return f.Sync()
}

// Ready implements [state.Keeper]. A folder that was not seen for a while is
// looked at: what is wrong with it is told before somebody writes.
func (j *Journal) Ready(now *state.Snapshot) error {
	if j.failure == nil {
		return j.look()
	}
	if time.Now().Before(j.retry) {
		return j.failure
	}
	if err := j.Replace(now); err != nil {
		return err
	}
	j.config.Logger.Info("the data directory can be written again", "log", logName(j.number))
	return nil
}

// look makes sure that the next agent will find the log, by its name. Whoever
// writes does so anyhow.
func (j *Journal) look() error {
	if time.Since(j.seen) < seenFor {
		return nil
	}
	if err := j.log.found(); err != nil {
		return j.failed(err)
	}
	j.seen = time.Now()
	return nil
}

// Keep implements [state.Keeper].
func (j *Journal) Keep(before *state.Snapshot, commit []byte) error {
	if err := j.keep(before, commit); err != nil {
		return j.failed(err)
	}
	return nil
}

func (j *Journal) keep(before *state.Snapshot, commit []byte) error {
	if j.grown > j.limit {
		j.waitForState() // of the time before: a slow disk slows the writers
		if err := j.begin(); err != nil {
			return err
		}
		j.saveBeside(before)
	}
	record := frameIn(j.room, commit)
	if j.room = record; cap(record) > mostRoom {
		j.room = nil
	}
	if err := write(j.log, record); err != nil {
		return fmt.Errorf("write %s: %w", logName(j.number), err)
	}
	index, err := indexOf(commit)
	if err != nil {
		return err
	}
	j.after, j.grown, j.seen = index, j.grown+int64(len(commit)), time.Now()
	return nil
}

// failed notes that nothing can be kept for now.
func (j *Journal) failed(err error) error {
	if j.failure == nil || remedy(err) != remedy(j.failure) {
		j.config.Logger.Error("the data directory cannot be written: writes are refused until it can", "error", err, "do", remedy(err))
	}
	j.failure, j.retry = err, time.Now().Add(retryAfter)
	return err
}

// remedy says what there is to do.
func remedy(err error) string {
	switch {
	case errors.Is(err, errNoLock):
		return "nothing: it is made anew"
	case errors.Is(err, ErrMoved), errors.Is(err, ErrInUse):
		return "what was written is in memory alone: put the folder back, or save it with muster snapshot save before the agent is stopped; removed logs are made anew"
	default:
		return "give the disk room, or mend it; the agent goes on by itself"
	}
}

// Replace implements [state.Keeper].
func (j *Journal) Replace(now *state.Snapshot) error {
	j.waitForState()
	if err := j.replace(now); err != nil {
		return j.failed(err)
	}
	j.failure = nil
	return nil
}

func (j *Journal) replace(now *state.Snapshot) error {
	j.number++
	size, err := j.save(now, j.number)
	if err != nil {
		return err
	}
	// From here on what was before is over, whatever else fails.
	j.after, j.grown, j.size, j.limit = now.Index(), 0, size, max(j.config.LogSize, size)
	first := j.number
	if err := j.begin(); err != nil {
		return err
	}
	j.removeBefore(first)
	return nil
}

// saveBeside writes the state that the last log begins with, while commits go
// on. Close and Replace wait for it.
func (j *Journal) saveBeside(now *state.Snapshot) {
	number := j.number
	j.grown = 0
	j.saving.Go(func() {
		size, err := j.save(now, number)
		if err != nil {
			j.config.Logger.Error("the state could not be written anew: the logs grow on", "error", err)
			return
		}
		j.size = size
		j.removeBefore(number)
	})
}

// waitForState waits for the state that is being written.
func (j *Journal) waitForState() {
	j.saving.Wait()
	j.limit = max(j.config.LogSize, j.size)
}

// save writes a state under a number, all of it or nothing, and returns its
// size when it is safe.
func (j *Journal) save(now *state.Snapshot, number int) (size int64, err error) {
	name := stateName(number)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", name, err), j.disk.remove(unfinished(name)))
		}
	}()
	f, err := j.disk.create(unfinished(name))
	if err != nil {
		return 0, err
	}
	counted := &counter{to: f}
	out := bufio.NewWriterSize(counted, 1<<20)
	err = now.Save(out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	if err := j.disk.rename(unfinished(name), name); err != nil {
		return 0, err
	}
	return counted.size, j.disk.sync()
}

// counter counts what it passes on.
type counter struct {
	to   io.Writer
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.size += int64(n)
	return n, err
}

// removeBefore removes what came before a state. What stays for now goes when
// the next state is written.
func (j *Journal) removeBefore(number int) {
	names, err := j.disk.list()
	if err != nil {
		j.config.Logger.Warn("old files stay for now", "error", err)
		return
	}
	for _, name := range names {
		if n, kind := parseName(name); (kind == aLog || kind == aState) && n < number {
			if err := j.disk.remove(name); err != nil {
				j.config.Logger.Warn("an old file stays for now", "error", err)
			}
		}
	}
}

// Close waits for what is being written and gives the folder back.
func (j *Journal) Close() error {
	j.saving.Wait()
	var err error
	if j.log != nil {
		err = j.log.Close()
	}
	return errors.Join(err, j.disk.close())
}
