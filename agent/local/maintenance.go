package local

import "github.com/realjf/muster/agent/state"

// SetMaintenance takes an announced service out of service, or puts it back:
// [UnknownService].
func (l *Local) SetMaintenance(serviceID string, on bool, reason string) error {
	if reason == "" {
		reason = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."
	}
	return l.setMaintenance(Check{
		ID: state.ServiceMaintenancePrefix + serviceID, Name: "Service Maintenance Mode",
		ServiceID: serviceID, Notes: reason,
	}, on)
}

// SetNodeMaintenance takes the whole node out of service, or puts it back.
func (l *Local) SetNodeMaintenance(on bool, reason string) error {
	if reason == "" {
		reason = "Maintenance mode is enabled for this node, but no reason was provided. This is a default message."
	}
	return l.setMaintenance(Check{ID: state.NodeMaintenance, Name: "Node Maintenance Mode", Notes: reason}, on)
}

func (l *Local) setMaintenance(c Check, on bool) error {
	return l.change(func(w *state.Writer) error {
		_, is := l.checks[c.ID]
		switch {
		case c.ServiceID != "" && l.services[c.ServiceID] == nil:
			return UnknownService(c.ServiceID)
		case on && !is:
			return l.registerCheck(w, c)
		case !on && is:
			return l.deregisterCheck(w, c.ID)
		default:
			return nil
		}
	})
}
