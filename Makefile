# TenantAtlas. "make help" lists what there is; "make up" and "make test" are the two that matter.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Stable builds that say nothing of the machine they were made on.
export CGO_ENABLED ?= 0
GO         ?= go
# Test binaries built and run side by side. Two cores carry two.
JOBS       ?= 2
GOTEST     := CGO_ENABLED=1 $(GO) test -race -p $(JOBS) -timeout 15m
FUZZTIME   ?= 10s
LOCAL      := .local
LOCALSTACK := $(LOCAL)/bin/localstack
LINT       := $(CURDIR)/$(LOCAL)/tools/go/golangci-lint
VULN       := $(CURDIR)/$(LOCAL)/tools/go/govulncheck
SAM        := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1 $(LOCAL)/venv-sam/bin/sam
CFN_LINT   := $(LOCAL)/venv-sam/bin/cfn-lint

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\n  Ports: PORT=8080 AWS_PORT=4566 GRAPH_PORT=8443 GRAPH_ADMIN_PORT=8444; a second stack: STACK=name\n'
	@printf '  Another Graph stand-in: make up GRAPH_URL=https://… AUTHORITY_URL=https://… GRAPH_CA_FILE=…\n'

##@ Run

.PHONY: up
up: tools-run console $(LOCALSTACK) ## Start the local stack, do the main job once, stay until Ctrl-C
	@exec $(LOCALSTACK) up $(UPFLAGS)

.PHONY: up-detached
up-detached: tools-run console $(LOCALSTACK) ## Start the local stack and return when it is ready
	@exec $(LOCALSTACK) up -detach $(UPFLAGS)

.PHONY: down
down: $(LOCALSTACK) ## Stop the local stack
	@tools/container-engine.sh stop
	@exec $(LOCALSTACK) down

.PHONY: token
token: $(LOCALSTACK) ## Print a fresh access token: make token USER=owner@contoso.example
	@exec $(LOCALSTACK) token "$(USER)"

.PHONY: sam-local
sam-local: tools-run $(LOCALSTACK) ## Serve the API with "sam local start-api" against the running local stack
	@exec tools/sam-local.sh start-api

.PHONY: sam-invoke
sam-invoke: tools-run $(LOCALSTACK) ## Run one function in a container: make sam-invoke FUNCTION=ApiFunction EVENT=events/api-me.json
	@exec tools/sam-local.sh invoke "$(FUNCTION)" --event "$(EVENT)"

##@ Build

.PHONY: build
build: tools-sam console ## Compile the functions with the SAM CLI, for ARCHITECTURE=arm64|x86_64
	@GOFLAGS="$$($(GO) env GOFLAGS) -trimpath -tags=lambda.norpc '-ldflags=-s -w'" \
	  $(SAM) build --parallel --parameter-overrides Architecture=$(or $(ARCHITECTURE),arm64)

.PHONY: console
console: tools-console ## Build the console into the binary's folder, when something changed
	@tools/console.sh

.PHONY: generate
generate: ## Write the generated files anew
	$(GO) generate ./...

.PHONY: verify
verify: generate ## Fail when a generated file is not up to date
	@git diff --exit-code --stat || { echo "generated files are stale: run make generate and commit"; exit 1; }

.PHONY: fmt
fmt: tools-go ## Format the Go code
	$(LINT) fmt

# Built by every target that runs it: go's own cache knows whether there is anything to do.
.PHONY: $(LOCALSTACK)
$(LOCALSTACK):
	@mkdir -p $(@D)
	@$(GO) build -trimpath -o $@ ./cmd/localstack

##@ Test

.PHONY: test
test: ## Everything below, from nothing
	@$(MAKE) --no-print-directory tools
	@$(MAKE) --no-print-directory console
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory validate
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-simulation
# Side by side: they wait for processes and clocks more than they compute.
	@$(MAKE) --no-print-directory -j 3 test-storage test-stack-console test-stack-e2e

.PHONY: test-storage
test-storage:
	@$(MAKE) --no-print-directory -j 1 test-conformance
	@$(MAKE) --no-print-directory -j 1 test-crash

# The adapters of AWS, tested on the real API: the local stack's and Amazon's own.
ADAPTERS := ./shared/dynamostore/... ./shared/sqsqueue ./shared/s3archive ./shared/secretstore ./shared/kmsvault ./shared/eventscheduler
# What needs a running local stack.
ON_STACK := tenantatlas/tests/\(e2e\|samlocal\)
# What has a target of its own, because it takes minutes.
CRASH := tenantatlas/tests/crash
# What computes much and shares nothing between goroutines that other tests do not
# share too: without the race detector.
PLAIN := tenantatlas/\(shared/catalog\|tests/\(bench\|fidelity\|restore\|graphsim/schema\)\)$$

.PHONY: test-unit
test-unit: tools-conformance console ## All tests that need no local stack, nearly all with the race detector
	CGO_ENABLED=0 $(GO) test -timeout 15m $$($(GO) list ./... | grep -e '$(PLAIN)')
	$(GOTEST) $$($(GO) list ./... | grep -v -e '$(ON_STACK)' -e '$(CRASH)' -e '$(PLAIN)' -e 'shared/\(dynamostore\|sqsqueue\|s3archive\|secretstore\|kmsvault\|eventscheduler\)')

SEEDS ?= 10000
# The first seed is fixed, so that the same tree gives the same result.
SEED  ?= 1
SOAK  ?= 2h

.PHONY: test-simulation
test-simulation: ## Simulated runs with faults of every kind: SEEDS=10000 from SEED=1 on
	CGO_ENABLED=0 $(GO) test -count=1 -timeout 15m ./tests/simulation -run 'TestSeeds$$' -seeds=$(SEEDS) -base=$(SEED)

.PHONY: soak
soak: ## The same on random seeds for SOAK=2h; fails when memory grows
	CGO_ENABLED=0 $(GO) test -count=1 -timeout 0 ./tests/simulation -run 'TestSoak$$' -soak=$(SOAK) -v

.PHONY: test-conformance
test-conformance: tools-conformance ## The contracts of storage and queue, over the local stack and Amazon's DynamoDB Local
	$(GOTEST) -count=1 $(ADAPTERS)

.PHONY: test-crash
# Without the race detector: the code under test is in the processes.
test-crash: tools-conformance ## Workers and sweeper killed, and answers lost, at every call they make
	CGO_ENABLED=0 $(GO) test -count=1 -timeout 15m -v ./tests/crash

.PHONY: crash-matrix
crash-matrix: tools-conformance ## Write docs/crash-matrix.md: what made up for each fault of test-crash
	CGO_ENABLED=0 $(GO) test -count=1 -timeout 15m -run '^TestWorkers$$' ./tests/crash -update

# Ports of the stacks that tests start, so that "make up" elsewhere is not in the way.
TEST_PORTS := PORT=18080 AWS_PORT=14566 GRAPH_PORT=18443 GRAPH_ADMIN_PORT=18444
# The end-to-end tests have a stack of their own: they take workers and queues away
# from under it, and leave tenants behind, while the browser expects it as seeded.
E2E_STACK := STACK=e2e PORT=18090 AWS_PORT=14576 GRAPH_PORT=18453 GRAPH_ADMIN_PORT=18454

.PHONY: test-stack
test-stack: ## All tests on fresh local stacks, which are stopped again
	@$(MAKE) --no-print-directory -j 2 test-stack-console test-stack-e2e

.PHONY: test-stack-console
test-stack-console: tools-run tools-browser console $(LOCALSTACK) ## The console in Chromium and "sam local", on a fresh local stack
	@trap '$(LOCALSTACK) down' EXIT; $(TEST_PORTS) $(LOCALSTACK) up -detach; \
	  $(MAKE) --no-print-directory -j 1 test-browser test-sam-local

.PHONY: test-stack-e2e
test-stack-e2e: tools-run console $(LOCALSTACK) ## The end-to-end tests, on a fresh local stack
	@trap '$(E2E_STACK) $(LOCALSTACK) down' EXIT; $(E2E_STACK) $(LOCALSTACK) up -detach; \
	  STACK_FILE=$(CURDIR)/$(LOCAL)/stacks/e2e/stack.json $(MAKE) --no-print-directory -j 1 test-e2e

.PHONY: test-e2e
# Without the race detector: the code under test is in other processes.
test-e2e: ## Black box, against the running local stack
	CGO_ENABLED=0 $(GO) test -timeout 20m -count=1 ./tests/e2e/...

.PHONY: test-browser
test-browser: tools-browser ## The console in Chromium, against the running local stack
	@cd tests/browser && node --test --test-concurrency=1

.PHONY: test-sam-local
test-sam-local: tools-sam $(LOCALSTACK) ## "sam local invoke" of every function, against the running local stack
	$(GOTEST) -count=1 -v ./tests/samlocal/...

.PHONY: fuzz-short
fuzz-short: ## Every fuzz target for FUZZTIME (10s)
	@$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r package; do \
	  for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
	  done; \
	done

.PHONY: bench
bench: tools-run tools-conformance console $(LOCALSTACK) ## Measure and write docs/benchmarks.md
	@if [ ! -s $(LOCAL)/stack.json ]; then trap '$(LOCALSTACK) down' EXIT; $(TEST_PORTS) $(LOCALSTACK) up -detach; fi; \
	  $(GO) run ./tests/bench -write docs/benchmarks.md

.PHONY: bench-console
bench-console: tools-browser ## How soon the console can be used on a slow network and processor, against the running local stack
	@cd tests/browser && node measure.js

.PHONY: mutants
mutants: tools-conformance ## Break the code on purpose, one place at a time; the tests must notice
	@$(GO) run ./tests/mutants $(MUTANTFLAGS)

.PHONY: load
load: tools-run console $(LOCALSTACK) ## 10,000 identical starts, and 1,000 starts over 50 tenants, on a local stack
	@if [ ! -s $(LOCAL)/stack.json ]; then trap '$(LOCALSTACK) down' EXIT; $(TEST_PORTS) $(LOCALSTACK) up -detach; fi; \
	  $(GO) run ./tests/bench -load

.PHONY: lint
lint: tools-go lint-console ## go vet, golangci-lint, govulncheck; the console's own
	$(GO) vet ./...
	$(LINT) run ./...
	@tools/govulncheck.sh $(VULN)

.PHONY: lint-console
lint-console: tools-console ## The console's types, rules of accessibility, and tests of its pure parts
	@cd console && npm run --silent check

.PHONY: validate
validate: tools-sam ## sam validate --lint and cfn-lint on template.yaml
	$(SAM) validate --lint --template-file template.yaml
	$(CFN_LINT)

##@ Tools

.PHONY: tools
tools: ## Install everything that the targets need, below .local
# The console's packages come beside the others: both wait for the network.
	@tools/install.sh console & console=$$!; \
	  tools/install.sh ministack sam go dynamodb-local browser; wait $$console

.PHONY: tools-run tools-sam tools-go tools-conformance tools-browser tools-console
tools-run:
	@tools/install.sh ministack sam
tools-sam:
	@tools/install.sh sam
tools-go:
	@tools/install.sh go
tools-conformance:
	@tools/install.sh ministack dynamodb-local
tools-browser:
	@tools/install.sh browser
tools-console:
	@tools/install.sh console

.PHONY: clean
clean: $(LOCALSTACK) ## Stop the local stack and remove all that was built and installed
	@tools/container-engine.sh stop
	@$(LOCALSTACK) down
	rm -rf $(LOCAL) .aws-sam
