package matrix

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is the table. The first client is the library, of which it says more.
func report(all map[string][]tally) string {
	var b strings.Builder
	b.WriteString("| fault |")
	for n, c := range callers {
		fmt.Fprintf(&b, " %s: first |", c.name)
		if n == 0 {
			b.WriteString(" failed, of these in flight |")
		}
		b.WriteString(" in the end |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", 2*len(callers)+1) + "\n")
	var sent []int
	for _, f := range faults {
		fmt.Fprintf(&b, "| %s |", f.name)
		sent = nil
		for n, one := range all[f.name] {
			fmt.Fprintf(&b, " %s |", percent(one.first, one.sent))
			if n == 0 {
				fmt.Fprintf(&b, " %d, %d |", one.sent-one.first, one.inFlight)
			}
			fmt.Fprintf(&b, " %s |", percent(one.last, one.sent))
			sent = append(sent, one.sent)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nTaken by `make matrix` on %s: in each row %d requests of muster, %d a second, and %d of each other client, %d a second; %s, %d processors.\n",
		time.Now().UTC().Format(time.DateOnly), sent[0], callers[0].often**rate, sent[1], callers[1].often**rate, runtime.Version(), runtime.NumCPU())
	for _, f := range faults {
		fmt.Fprintf(&b, "- *%s*: %s\n", f.name, f.how)
	}
	return b.String()
}

// percent is rounded down: only all are 100 %.
func percent(part, whole int) string {
	return fmt.Sprintf("%.2f %%", float64(10_000*part/whole)/100)
}

// The table stands between these lines of the document.
const (
	begin = "<!-- make matrix writes from here -->\n"
	end   = "<!-- matrix to here -->\n"
)

func insert(document, text string) error {
	page, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	head, rest, found := bytes.Cut(page, []byte(begin))
	_, tail, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		return fmt.Errorf("%s lacks the line %q or %q", document, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(document, slices.Concat(head, []byte(begin), []byte(text), []byte(end), tail), 0o644)
}
