// Package inorder works on many things at once and hands over what comes of
// them in the order in which they came. It keeps no more of them than the
// processors need.
package inorder

import (
	"errors"
	"io"
	"runtime"
	"sync"
)

// Each calls next until that returns an error, work with each thing that it
// gave, and take with what came of it, in the order of next. The calls of next
// follow each other, and so do those of take; those of work run at the same
// time, as many as there are processors. It returns the first error of take,
// or once all is taken that of next, unless that is [io.EOF]. Nothing of it
// runs any more when it returns.
func Each[In, Out any](next func() (In, error), work func(In) Out, take func(Out) error) error {
	places := make(chan chan Out, runtime.GOMAXPROCS(0))
	stop := make(chan struct{})
	var end error
	var all sync.WaitGroup
	all.Go(func() { // ends with next, or with stop; awaited below
		defer close(places)
		for {
			in, err := next()
			if err != nil {
				end = err
				return
			}
			place := make(chan Out, 1)
			select {
			case places <- place:
			case <-stop:
				return
			}
			all.Go(func() { place <- work(in) }) // ends by itself; awaited below
		}
	})
	err := takeAll(places, take)
	close(stop)
	all.Wait()
	switch {
	case err != nil:
		return err
	case errors.Is(end, io.EOF):
		return nil
	default:
		return end
	}
}

func takeAll[Out any](places <-chan chan Out, take func(Out) error) error {
	for place := range places {
		if err := take(<-place); err != nil {
			return err
		}
	}
	return nil
}
