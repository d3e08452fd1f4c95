package api

import (
	"io"
	"net/http"

	"github.com/realjf/muster/agent/event"
)

// eventFire fires an event; the body is its payload.
func (a *API) eventFire(r *http.Request) (any, error) {
	name, err := pathName(r, "name", "Missing name")
	if err != nil {
		return nil, err
	}
	query := parameters(r)
	if err := a.checkPlace(query); err != nil {
		return nil, err
	}
	payload, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	switch {
	case isTooLarge(err):
		payload = make([]byte, maxBody) // how little of it came does not matter
	case err != nil:
		return nil, badRequest("Request read failed: " + err.Error())
	case len(payload) == 0:
		payload = nil // null in JSON
	}
	fired, err := event.New(name, payload, query.Get("node"), query.Get("service"), query.Get("tag"))
	if err != nil {
		return nil, &failure{http.StatusInternalServerError, err.Error()}
	}
	services, _ := a.local.Services()
	a.events.Fire(fired, fired.Concerns(a.local.Node().Node, services))
	return fired, nil
}

// eventList lists the last events that concern this node, whatever ?dc= says.
func (a *API) eventList(r *http.Request) (any, error) {
	name := parameters(r).Get("name")
	var options readOptions
	if err := options.parseBlocking(parameters(r), a.settings.Load()); err != nil {
		return nil, err
	}
	return &question{
		ask: func() (finding, error) {
			events, changed := a.events.Look()
			events = keep(events, func(e event.Event) bool { return name == "" || e.Name == name })
			index := uint64(1)
			if len(events) > 0 {
				index = events[len(events)-1].Index()
			}
			return finding{value: events, index: index, changed: changed}, nil
		},
		indexed: true,
		alone:   true,
		options: options,
	}, nil
}
