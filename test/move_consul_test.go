//go:build conformance

package test

import (
	"testing"

	"github.com/realjf/muster/test/registry"
)

// From muster to a real Consul, and back to a fresh muster.

func TestMoveOnDiskToConsulAndBack(t *testing.T) {
	t.Parallel()
	move(t, registry.Durable(muster, t.TempDir()), registry.Consul(consulProgram(t)), registry.Agent(muster))
}

func TestMoveInMemoryToConsulAndBack(t *testing.T) {
	t.Parallel()
	move(t, registry.Agent(muster), registry.Consul(consulProgram(t)), registry.Durable(muster, t.TempDir()))
}
