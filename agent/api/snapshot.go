package api

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/realjf/muster/agent/archive"
)

// snapshotTime is how long a snapshot may take to arrive: it is as large as
// the registry that it was taken of.
const snapshotTime = 10 * time.Minute

// snapshotSave sends everything the registry knows, as it is now. Writes go on
// meanwhile.
func (a *API) snapshotSave(r *http.Request) (any, error) {
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	snapshot := a.store.Snapshot()
	return &reply{
		header: (&question{indexed: true}).headers(http.Header{"Content-Type": {"application/x-gzip"}}, snapshot.Index()),
		copy:   func(w io.Writer) error { return archive.Write(w, snapshot, a.config.Version) },
	}, nil
}

// snapshotRestore puts a snapshot in place of everything the registry knows:
// all of it, or when anything is wrong with it nothing.
func (a *API) snapshotRestore(r *http.Request) (any, error) {
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	if r.URL.Query().Has("stale") {
		return nil, &failure{http.StatusInternalServerError, "stale not allowed for restore"}
	}
	saved, meta, err := archive.Read(r.Body, int64(a.settings.Load().Limits.snapshotBytes()))
	switch {
	case errors.Is(err, archive.ErrTooLarge):
		return nil, &failure{http.StatusRequestEntityTooLarge, err.Error() + "; limits.snapshot_max_size of the configuration allows more"}
	case err != nil:
		return nil, err
	}
	if err := a.local.Adopt(saved); err != nil {
		return nil, err
	}
	a.sessions.Restart()
	a.logger.Info("snapshot restored", "snapshot", meta.ID, "saved", meta.Saved)
	return nil, nil
}
