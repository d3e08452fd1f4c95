package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// keys is a key/value store without anything but the map.
type keys struct {
	mu      sync.Mutex
	index   uint64
	entries map[string]entry
}

// entry is a key as /v1/kv tells of it.
type entry struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	CreateIndex uint64
	ModifyIndex uint64
}

func (k *keys) put(w http.ResponseWriter, r *http.Request) {
	value, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := r.PathValue("key")
	query := r.URL.Query()
	cas, err := strconv.ParseUint(query.Get("cas"), 10, 64)
	k.mu.Lock()
	old := k.entries[key]
	done := err != nil || old.ModifyIndex == cas
	if done {
		k.index++
		next := entry{Key: key, Value: value, CreateIndex: k.index, ModifyIndex: k.index}
		if old.CreateIndex > 0 {
			next.CreateIndex = old.CreateIndex
		}
		k.entries[key] = next
	}
	k.mu.Unlock()
	_, _ = io.WriteString(w, strconv.FormatBool(done))
}

func (k *keys) get(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	found := k.entries[r.PathValue("key")]
	k.mu.Unlock()
	body, err := json.Marshal([]entry{found})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, found.ModifyIndex, body)
}
