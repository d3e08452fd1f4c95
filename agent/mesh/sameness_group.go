package mesh

// SamenessGroupConfigEntry is taken apart and refused: Consul's enterprise
// edition has it.
type SamenessGroupConfigEntry struct {
	Kind               string
	Name               string
	DefaultForFailover bool `json:",omitempty" alias:"default_for_failover"`
	IncludeLocal       bool `json:",omitempty" alias:"include_local"`
	Members            []SamenessGroupMember

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// SamenessGroupMember is a part of [SamenessGroupConfigEntry].
type SamenessGroupMember struct {
	Partition string `json:",omitempty"`
	Peer      string `json:",omitempty"`
}

func (e *SamenessGroupConfigEntry) ID() EntryID        { return EntryID{SamenessGroup, e.Name} }
func (e *SamenessGroupConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *SamenessGroupConfigEntry) hash() *uint64      { return &e.Hash }
func (e *SamenessGroupConfigEntry) normalize() error   { return nil }
func (e *SamenessGroupConfigEntry) validate() error {
	return fault("sameness-groups are an enterprise-only feature")
}
