CONSUL := .bin/consul
TOOL := go tool -modfile .ci/tools.mod
KILLS := 1000

.DEFAULT_GOAL := help
.PHONY: help build test race lint fuzz vuln kills restarts rolling matrix overload soak consul conformance bench bench-discovery bench-library bench-peers ci

help: ## list what make can do
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 17

build: ## build muster into .bin
	go build -trimpath -o .bin/muster .

test: ## everything that needs nothing but Go
	go test ./...

race: ## the same under the race detector (needs a C compiler)
	go test -race ./...

lint: ## formatting, vet, staticcheck, nilness and gosec, for every build tag
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	go vet ./...
	go vet -tags conformance ./...
	go -C test/peers vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck -tags conformance ./...
	$(TOOL) nilness ./...
	$(TOOL) gosec -quiet -exclude $(HARMLESS) -exclude-dir test ./...

# Rules of gosec that would mark every place where it is meant: G304, files that
# are named by who runs the program, and G404, chance that spreads load. What is
# to be unguessable comes from crypto/rand.
HARMLESS := G304,G404

fuzz: ## hostile input for every decoder, FUZZTIME (10m) each; FUZZ=NAME for some
	.ci/fuzz $(or $(FUZZTIME),10m) $(FUZZ)

kills: ## kill a registry on disk while it is written, 1,000 times (KILLS=30 for fewer)
	go test -count=1 -timeout 1h -v -run 'TestNothingAcknowledgedIsLost$$' ./test -kills $(KILLS)

restarts: ## kill a registry on disk while 2,000 wait, and start it again, 10 times
	go test -count=1 -timeout 1h -v -run 'TestRestartWithoutAnOutage$$' ./test -restarts 10 -restart-instances 1000 -restart-services 50 -restart-watchers 500 -restart-readers 1500 -restart-within 2s

vuln: ## known faults of what is linked (asks vuln.go.dev)
	$(TOOL) govulncheck ./...

consul: $(CONSUL) ## build a real Consul 1.19.2 into .bin (minutes, once)

$(CONSUL): test/consul/go.mod test/consul/go.sum
	go -C test/consul build -trimpath -o ../../$@ github.com/hashicorp/consul
	@touch $@

conformance: consul ## the stories of test/ on muster and on the real Consul
	go test -race -tags conformance ./test/...

bench: consul ## measure against Consul, write docs/benchmarks.md
	go run ./test/bench

bench-discovery: consul ## measure following services beside other libraries, write docs/benchmarks.md
	go -C test/peers build -o ../../.bin/changes ./changes
	.bin/changes -document docs/benchmarks.md

bench-peers: ## measure choosing an instance against other libraries, write docs/benchmarks.md
	go -C test/peers run . -document ../../docs/benchmarks.md

bench-library: bench-peers bench-discovery rolling matrix ## all figures of the library, in half an hour

rolling: ## restart 20 instances one after the other under 2,000 requests a second
	go test -count=1 -timeout 10m -v -run 'TestBusyMuster/all_.*_restarted' ./test -rolling-instances 20 -rolling-rate 2000

matrix: ## ten faults and four clients over loopback, 2 rounds (ROUNDS=1 for fewer), write docs/reliability.md
	go test -count=1 -timeout 2h -v ./test/matrix -run 'TestAll$$' -rounds $(or $(ROUNDS),2) -document ../../docs/reliability.md

overload: ## ask a registry for ten times what it can do for a minute, with figures
	go test ./test -v -timeout 10m -run 'TestOverload' -overload 60s
	go test ./test -v -timeout 10m -run 'TestSlowClients|TestSlowReaders' -idle 14000

soak: ## let everything in a registry come and go for ten minutes
	go test ./test -v -timeout 15m -run 'TestSoak' -soak 10m

ci: ## what a change must pass
	.ci/run
