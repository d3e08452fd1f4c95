package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// crowdSize is how many clients there are where there are many.
const crowdSize = 200

// crowd is many clients that do the same thing over and over.
type crowd struct {
	group  errgroup.Group
	over   chan struct{}
	rounds atomic.Int64
}

// gather starts the crowd. Each client plays its rounds until the crowd is
// sent home or a round fails; half of the clients open a connection for each
// request, half keep theirs.
func gather(ctx context.Context, round func(ctx context.Context, client *http.Client) error) *crowd {
	kept := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: crowdSize}, Timeout: 10 * time.Second}
	opened := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	c := &crowd{over: make(chan struct{})}
	for i := range crowdSize {
		client := []*http.Client{kept, opened}[i%2]
		// Ends when the crowd is sent home, which waits for it, or when ctx ends.
		c.group.Go(func() error {
			for {
				select {
				case <-c.over:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(rand.N(2 * pause)):
				}
				if err := round(ctx, client); err != nil {
					return err
				}
				c.rounds.Add(1)
			}
		})
	}
	return c
}

// play waits until the crowd has played that many rounds more.
func (s *scene) play(c *crowd, rounds int64) {
	s.Helper()
	until := c.rounds.Load() + rounds
	s.eventually(20*time.Second, fmt.Sprintf("%d rounds more", rounds), func(context.Context) error {
		if now := c.rounds.Load(); now < until {
			return fmt.Errorf("%d are missing", until-now)
		}
		return nil
	})
}

// sendHome ends the crowd and reports the first error of any client.
func (s *scene) sendHome(c *crowd) {
	s.Helper()
	close(c.over)
	if err := c.group.Wait(); err != nil {
		s.Error(err)
	}
	s.Logf("%d rounds", c.rounds.Load())
}
