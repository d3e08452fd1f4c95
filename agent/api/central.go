package api

import (
	"net/url"

	"github.com/realjf/muster/agent/state"
)

// central returns list, and the topic that it depends on, as
// ?merge-central-config asks for it: with proxies as config entries set them
// up, whoever announced them. Those that an agent announced are so already.
func central(
	query url.Values, list func(*state.Snapshot, string) []state.Instance, topic state.Topic,
) (func(*state.Snapshot, string) []state.Instance, state.Topic) {
	if !query.Has("merge-central-config") {
		return list, topic
	}
	return func(s *state.Snapshot, name string) []state.Instance {
		instances := list(s, name)
		for n, instance := range instances {
			svc := *instance.Service
			if svc.Proxy = svc.Proxy.Configured(svc.Kind, svc.Service, s); svc.Proxy != instance.Service.Proxy {
				instances[n].Service = &svc
			}
		}
		return instances
	}, state.Everything // the entries decide too
}
