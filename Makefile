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
	@printf '\n  Ports: PORT=8080 AWS_PORT=4566 GRAPH_PORT=8443 GRAPH_ADMIN_PORT=8444\n'
	@printf '  Another Graph stand-in: make up GRAPH_URL=https://… AUTHORITY_URL=https://… GRAPH_CA_FILE=…\n'

##@ Run

.PHONY: up
up: tools-run $(LOCALSTACK) ## Start the local stack, do the main job once, stay until Ctrl-C
	@exec $(LOCALSTACK) up $(UPFLAGS)

.PHONY: up-detached
up-detached: tools-run $(LOCALSTACK) ## Start the local stack and return when it is ready
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
build: tools-sam ## Compile the functions with the SAM CLI, for ARCHITECTURE=arm64|x86_64
	@GOFLAGS="$$($(GO) env GOFLAGS) -trimpath -tags=lambda.norpc '-ldflags=-s -w'" \
	  $(SAM) build --parallel --parameter-overrides Architecture=$(or $(ARCHITECTURE),arm64)

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
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory validate
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-conformance
	@$(MAKE) --no-print-directory test-e2e
	@$(MAKE) --no-print-directory test-browser

.PHONY: test-unit
test-unit: ## All tests that need no local stack, with the race detector
	$(GOTEST) $$($(GO) list ./... | grep -v '^tenantatlas/tests/\(e2e\|conformance\|browser\)')

.PHONY: test-conformance
test-conformance: tools-conformance ## The store's suite over the local stack's DynamoDB and Amazon's own
	@if [ -d tests/conformance ]; then $(GOTEST) -count=1 ./tests/conformance/...; else echo "no conformance tests here yet"; fi

.PHONY: test-e2e
test-e2e: tools-run $(LOCALSTACK) ## Black box, against a fresh local stack
	@if [ -d tests/e2e ]; then $(GOTEST) -count=1 ./tests/e2e/...; else echo "no end-to-end tests here yet"; fi

.PHONY: test-browser
test-browser: tools-run $(LOCALSTACK) ## The console in Chromium
	@if [ -d tests/browser ]; then $(GOTEST) -count=1 ./tests/browser/...; else echo "no browser tests here yet"; fi

.PHONY: fuzz-short
fuzz-short: ## Every fuzz target for FUZZTIME (10s)
	@$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r package; do \
	  for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
	  done; \
	done

.PHONY: bench
bench: tools-run $(LOCALSTACK) ## Measure and write docs/benchmarks.md
	@if [ -d tests/bench ]; then $(GO) run ./tests/bench -write docs/benchmarks.md; else echo "no benchmarks here yet"; fi

.PHONY: lint
lint: tools-go ## go vet, golangci-lint, govulncheck
	$(GO) vet ./...
	$(LINT) run ./...
	@tools/govulncheck.sh $(VULN)

.PHONY: validate
validate: tools-sam ## sam validate --lint and cfn-lint on template.yaml
	$(SAM) validate --lint --template-file template.yaml
	$(CFN_LINT)

##@ Tools

.PHONY: tools
tools: ## Install everything that the targets need, below .local
	@tools/install.sh ministack sam go dynamodb-local

.PHONY: tools-run tools-sam tools-go tools-conformance
tools-run:
	@tools/install.sh ministack sam
tools-sam:
	@tools/install.sh sam
tools-go:
	@tools/install.sh go
tools-conformance:
	@tools/install.sh ministack dynamodb-local

.PHONY: clean
clean: $(LOCALSTACK) ## Stop the local stack and remove all that was built and installed
	@tools/container-engine.sh stop
	@$(LOCALSTACK) down
	rm -rf $(LOCAL) .aws-sam
