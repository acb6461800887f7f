.DEFAULT_GOAL := help
SHELL := /bin/bash

GO ?= go
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
DEMO_DIR ?= .demo
FUZZTIME ?= 1m
# Tests that take minutes, and many times as long under the race detector.
LONG := ^(TestAFailing|TestNoninterference)

.PHONY: help
help: ## Show what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/gateway
	$(GO) build -o bin/gateway ./cmd/gateway

.PHONY: demo
demo: build ## Run the main job on a synthetic practice, on 127.0.0.1:8080, until Ctrl-C
	./bin/gateway demo --data-dir $(DEMO_DIR)

.PHONY: setup
setup: ## Install what the tests need (Debian packages, npm), where this machine allows it
	./conformance/setup

.PHONY: test
test: export CONSENTRY_SKIPPED := $(CURDIR)/bin/skipped
test: setup ## Run every test
	@mkdir -p bin && : > "$(CONSENTRY_SKIPPED)"
	$(GO) vet ./...
	$(GO) test -race -short -shuffle=on -skip '$(LONG)' -timeout 40m ./...
	@echo "The long proofs, without the race detector:"
	$(GO) test -short -run '^TestAFailing' -timeout 20m ./cmd/gateway
	$(GO) test -run '^TestTenThousandClients' ./internal/demo
	$(GO) test -run '^TestNoninterference' -timeout 40m -v ./cmd/gateway
	CONSENTRY_CASES=200000 CONSENTRY_SEED=89240830476288 $(GO) test -run '^TestAgree$$' -timeout 30m -v ./internal/release/consent
	@[ ! -s "$(CONSENTRY_SKIPPED)" ] || { echo "Tests that were skipped, by what this machine does not have:"; sort "$(CONSENTRY_SKIPPED)" | uniq -c; }

.PHONY: lint
lint: ## Run the linters
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) run $(GOLANGCI_LINT) run ./...

.PHONY: generate
generate: ## Generate *_gen.go and what else is generated, again
	$(GO) generate ./...

.PHONY: bench
bench: ## Measure: every figure of the README, as ratios within one run
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./...

.PHONY: exhaustive
exhaustive: ## Compare the decision with the oracle over the whole product space of small Consents (long)
	CONSENTRY_EXHAUSTIVE=1 $(GO) test -run Exhaustive -timeout 4h -v ./internal/release/consent/...

.PHONY: fuzz
fuzz: ## Fuzz every fuzz target for FUZZTIME (1m)
	@for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
	  for t in $$(grep -o '^func Fuzz[A-Za-z0-9_]*' $$f | cut -d' ' -f2); do \
	    echo "$$f $$t"; $(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s ./$$(dirname $$f) || exit 1; done; done

.PHONY: corpus
corpus: ## Keep the smallest inputs that fuzzing has found, 24 a target, among the seeds that make test tries
	@for d in $$(find "$$($(GO) env GOCACHE)/fuzz/github.com/consentry/gateway" -type d -name 'Fuzz*'); do \
	  to=$${d#*/consentry/gateway/}; to=$$(dirname $$to)/testdata/fuzz/$$(basename $$d); \
	  git grep -q "^func $$(basename $$d)(" -- "$${to%%/testdata/*}/*_test.go" || continue; \
	  mkdir -p $$to; find $$d -type f -size -4k -printf '%s %p\n' | sort -n | head -24 | cut -d' ' -f2 | xargs -r -I{} cp {} $$to/; done
	$(GO) test -run '^Fuzz' $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')

.PHONY: nightly
nightly: ## What takes hours: every fuzz target for 20 minutes, all small Consents, longer proofs
	$(MAKE) fuzz FUZZTIME=20m
	$(MAKE) exhaustive
	CONSENTRY_CASES=2000000 CONSENTRY_SEED=$$(date +%s) $(GO) test -run '^TestAgree' -timeout 8h -v ./internal/release/consent
	$(GO) test -race -run '^TestAFailing' -timeout 4h ./cmd/gateway
