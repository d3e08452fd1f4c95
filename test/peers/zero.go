package main

import (
	"strconv"

	"github.com/zeromicro/go-zero/core/hash"
	"github.com/zeromicro/go-zero/core/logx"
	_ "github.com/zeromicro/go-zero/zrpc" // registers its balancers with gRPC
)

// zeroHash is go-zero's ring, which its consistent_hash balancer for gRPC asks.
func zeroHash() contender {
	logx.Disable() // its p2c logs once in a minute
	ring := hash.NewConsistentHash()
	for _, instance := range instances(false) {
		ring.Add(instance.HostPort())
	}
	keys := texts()
	return contender{kind: byKey, name: "go-zero, ConsistentHash, of a text", slow: true, pick: func(key uint64) {
		if _, found := ring.Get(keys[key%uint64(len(keys))]); !found {
			panic("the ring is empty")
		}
	}}
}

// texts returns keys as users have them.
func texts() []string {
	all := make([]string, 1024)
	for i := range all {
		all[i] = "user-" + strconv.Itoa(i*7919)
	}
	return all
}
