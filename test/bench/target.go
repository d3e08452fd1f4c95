package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// target is what health checks look at: it answers every request with 200 and
// notes when it came, by the number that its path is. It does as little as it
// can, so that what is measured is who asks. It has several addresses, for a
// client could run out of ports towards a single one.
type target struct {
	doors []net.Listener
	conns sync.WaitGroup

	mu    sync.Mutex
	looks [][]time.Time // by number
}

// openTarget opens a target for numbers below count. Whoever opens it must
// close it.
func openTarget(ctx context.Context, count int) (*target, error) {
	const addresses = 16
	t := &target{looks: make([][]time.Time, count)}
	for n := range addresses {
		door, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.%d:0", n+1))
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.doors = append(t.doors, door)
		t.conns.Go(func() { t.serve(door) }) // ends when the door closes; close waits
	}
	return t, nil
}

// close ends the target and waits until it has.
func (t *target) close() (err error) {
	for _, door := range t.doors {
		err = errors.Join(err, door.Close())
	}
	t.conns.Wait()
	return err
}

// url returns where the target takes looks of a number.
func (t *target) url(number uint64) string {
	return fmt.Sprintf("http://%s/%d", t.doors[number%uint64(len(t.doors))].Addr(), number)
}

func (t *target) serve(door net.Listener) {
	for {
		conn, err := door.Accept()
		if err != nil {
			return
		}
		t.conns.Go(func() { // ends when it has answered, or a second later; close waits
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			t.answer(conn)
		})
	}
}

// answer takes one request. What is no request is not counted.
func (t *target) answer(conn net.Conn) {
	came := time.Now()
	reader := bufio.NewReaderSize(conn, 1<<10)
	first, err := reader.ReadString('\n')
	for line := first; err == nil && strings.TrimSpace(line) != ""; {
		line, err = reader.ReadString('\n')
	}
	parts := strings.Fields(first)
	if err != nil || len(parts) < 2 {
		return
	}
	number, err := strconv.Atoi(strings.TrimPrefix(parts[1], "/"))
	if err != nil || number < 0 || number >= len(t.looks) {
		return
	}
	t.mu.Lock()
	t.looks[number] = append(t.looks[number], came)
	t.mu.Unlock()
	_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"))
}

// since returns the looks from a time on, by number.
func (t *target) since(begin time.Time) [][]time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([][]time.Time, len(t.looks))
	for n, looks := range t.looks {
		for _, look := range looks {
			if !look.Before(begin) {
				all[n] = append(all[n], look)
			}
		}
	}
	return all
}
