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

// report is the table.
func report(all map[string][]tally) string {
	var b strings.Builder
	b.WriteString("| fault |")
	for _, c := range callers {
		fmt.Fprintf(&b, " %s: first | in the end |", c.name)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: | ---: |", len(callers)) + "\n")
	sent := 0
	for _, f := range faults {
		fmt.Fprintf(&b, "| %s |", f.name)
		for _, one := range all[f.name] {
			fmt.Fprintf(&b, " %s | %s |", percent(one.first, one.sent), percent(one.last, one.sent))
			sent = one.sent
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nTaken by `make matrix` on %s: %d requests of each client in each row, %d a second; %s, %d processors.\n",
		time.Now().UTC().Format(time.DateOnly), sent, *rate, runtime.Version(), runtime.NumCPU())
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
