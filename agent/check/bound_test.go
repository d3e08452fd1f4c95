package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/host"
)

func TestParseBound(t *testing.T) {
	for _, tc := range []struct {
		text, want string // in its usual form
	}{
		{"memory<90%", "memory<90%"},
		{"  memory < 92.50 %  ", "memory<92.5%"},
		{"memory<90% warn 80%", "memory<90% warn 80%"},
		{"memory<20gib warn 512 MiB", "memory<20GiB warn 512MiB"},
		{"memory-free>1GiB warn 2GB", "memory-free>1GiB warn 2GB"},
		{"swap<100%", "swap<100%"},
		{"disk:/var<85%warn75%", "disk:/var<85% warn 75%"},
		{"disk:/a path/with <odd> names<1TB", "disk:/a path/with <odd> names<1TB"},
		{"disk-free:/>5GiB", "disk-free:/>5GiB"},
		{"inodes:/home<1000000", "inodes:/home<1000000"},
		{"load<2", "load<2"},
		{"load5<1.5 warn .5", "load5<1.5 warn 0.5"},
		{"load15<4", "load15<4"},
		{"files<80%", "files<80%"},
		{"agent-files<1000", "agent-files<1000"},
		{"clock<100ms warn 5000us", "clock<100ms warn 5000us"},
	} {
		got, err := parseBound(tc.text)
		if err != nil || got.String() != tc.want {
			t.Errorf("%q: got %v, %v, want %s", tc.text, got, err, tc.want)
		}
	}
}

func TestParseBoundSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		text, want string
	}{
		{"", "it has no limit: write one like memory<90%"},
		{"memory", "it has no limit"},
		{"memory<", `"": memory is held against a percentage, like 90%, or a size, like 20GiB`},
		{"memory<=90%", "there is no <=: write <"},
		{"memory>90%", "memory is good below its limit: write memory<"},
		{"disk-free:/<5GiB", "disk-free is good above its limit: write disk-free>"},
		{"ram<90%", `there is no gauge "ram": there are memory, memory-free, swap, disk,`},
		{"<90%", `there is no gauge ""`},
		{"disk<90%", "disk wants a path that begins at the root: write disk:/var"},
		{"disk:<90%", "disk wants a path"},
		{"disk:var<90%", "disk wants a path"},
		{"memory:/x<90%", "memory takes no path"},
		{"memory<90", `"90": memory is held against`},
		{"memory<0%", `"0%": a limit is above 0`},
		{"memory<101%", `"101%": there is no more than 100%`},
		{"memory<1.2.3%", `"1.2.3%" is no number`},
		{"memory<%", `"%" is no number`},
		{"memory<-1%", `"-1%": memory is held against`},
		{"load<90%", `"90%": load is held against a number, like 2`},
		{"clock<100", "clock is held against a time, like 100ms"},
		{"memory<90% warn", `"": memory is held against`},
		{"memory<90% warn 80% warn 70%", "there is one limit to warn at"},
		{"memory<90% warn 20GiB", "90% and 20GiB cannot be compared"},
		{"memory<90% warn 95%", "it would never warn: it is critical at 90%, before 95%"},
		{"memory<90% warn 90%", "it would never warn"},
		{"memory-free>2GiB warn 1GiB", "it would never warn: it is critical at 2GiB, before 1GiB"},
	} {
		if got, err := parseBound(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, %v, want the error %q", tc.text, got, err, tc.want)
		}
	}
}

// FuzzParseBound: a bound that is taken can be written down and read again.
func FuzzParseBound(f *testing.F) {
	for _, seed := range []string{"memory<90% warn 80%", "disk:/a<b<85%", "disk-free:/>5GiB", "clock<1s warn 1ms", "load<2", "memory<", "files<1e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseBound(text)
		if err != nil {
			return
		}
		again, err := parseBound(b.String())
		if err != nil || again != b {
			t.Errorf("%q is %+v, and written as %q it is %+v, %v", text, b, b, again, err)
		}
	})
}

func TestJudge(t *testing.T) {
	const gib = 1 << 30
	amount := func(part, total uint64) reading {
		return reading{value: float64(part), total: float64(total), text: fmt.Sprintf("%.1f %% used (%s)", 100*float64(part)/float64(total), sizes(part, total))}
	}
	for _, tc := range []struct {
		name, bound string
		reading     reading
		err         error
		status      state.Status
		output      string
	}{
		{"within", "memory<90%", amount(12*gib, 24*gib), nil, state.Passing, "memory 50.0 % used (12.0 of 24.0 GiB), limit 90 %"},
		{"at the limit", "memory<50%", amount(12*gib, 24*gib), nil, state.Critical, "memory 50.0 % used (12.0 of 24.0 GiB), limit 50 %"},
		{"to be warned of", "memory<90% warn 50%", amount(12*gib, 24*gib), nil, state.Warning, "memory 50.0 % used (12.0 of 24.0 GiB), warning at 50 %, limit 90 %"},
		{"a size", "disk:/var<5GiB", amount(6*gib, 24*gib), nil, state.Critical, "disk /var 25.0 % used (6.0 of 24.0 GiB), limit 5 GiB"},
		{"enough is left", "memory-free>5GiB", amount(6*gib, 24*gib), nil, state.Passing, "memory 25.0 % used (6.0 of 24.0 GiB), limit 5 GiB"},
		{"too little is left", "disk-free:/>10% warn 20%", amount(gib, 24*gib), nil, state.Critical, "disk / 4.2 % used (1.0 of 24.0 GiB), warning at 20 %, limit 10 %"},
		{"a number", "load<2 warn 1", reading{value: 1.5, text: "1.50 per core (3.00 on 2)"}, nil, state.Warning, "load 1.50 per core (3.00 on 2), warning at 1, limit 2"},
		{"a time", "clock<100ms", reading{value: float64(time.Second), text: "wrong by 1s at most"}, nil, state.Critical, "clock wrong by 1s at most, limit 100 ms"},
		{"unknown is no failure", "clock<100ms", reading{}, fmt.Errorf("%w: nobody knows", host.ErrUnknown), state.Passing, "clock: unknown: nobody knows"},
		{"an error is one", "disk:/x<90%", reading{}, fmt.Errorf("no such file"), state.Critical, "disk /x: no such file"},
	} {
		b, err := parseBound(tc.bound)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got, want := b.judge(tc.reading, tc.err), (Result{tc.status, tc.output}); got != want {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, tc := range []struct {
		part, total uint64
		want        string
	}{
		{5, 10, "5 of 10 B"},
		{512, 1024, "512 of 1024 B"},
		{1 << 10, 2 << 10, "1.0 of 2.0 KiB"},
		{1 << 20, 1 << 30, "1.0 of 1024.0 MiB"},
		{22_400 << 20, 24 << 30, "21.9 of 24.0 GiB"},
		{1 << 40, 3 << 40, "1.0 of 3.0 TiB"},
	} {
		if got := sizes(tc.part, tc.total); got != tc.want {
			t.Errorf("%d of %d: got %q, want %q", tc.part, tc.total, got, tc.want)
		}
	}
}
