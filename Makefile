.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
CLUSTER := tests/support/cluster
CRDS := crds charts/gateway/files/crds

DIR ?= examples/quickstart
HOST ?= 127.0.0.1
PORT ?= 4000
ADMIN_PORT ?= 4001
MODEL ?= echo
MINUTES ?= 5
KILLS ?= 1000
INPUTS ?= 10000000
SEED ?=
ARGS ?=

CODE := operator dataplane tests benchmarks examples .ci

##@ Use it
.PHONY: help demo run
help: ## show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.$(if $(filter echo,$(MODEL)),standalone,demo) ## start Sluice on examples/quickstart, make real calls, print what they cost (MODEL=gemma: a real local model)
	@$(BIN)/python examples/demo.py --model $(MODEL)

run: $(VENV)/.standalone ## serve the manifests in DIR (default examples/quickstart) on PORT until interrupted
	@$(BIN)/sluice serve $(DIR) --host $(HOST) --port $(PORT) --admin-port $(ADMIN_PORT) $(ARGS)

##@ Check it
.PHONY: test check lint types imports crds-check unit simulate fuzz e2e-dataplane e2e-clients e2e-cluster soak bench
test: tools $(VENV)/.dev ## everything, on a fresh Debian or Ubuntu: installs what is missing, checks, then all tests in one run
	@$(MAKE) lint types imports crds-check cluster
	@echo "== tests" && $(BIN)/pytest tests/unit tests/simulator tests/fuzz tests/differential tests/e2e/dataplane tests/e2e/clients tests/e2e/cluster $(ARGS)

check: tools $(VENV)/.dev ## lint, types, import contracts and unit tests: what to run before a commit
	@$(MAKE) lint types imports crds-check unit

lint: $(VENV)/.dev ## style, format and spelling
	@echo "== lint" && $(BIN)/ruff check --quiet $(CODE) && $(BIN)/ruff format --quiet --check $(CODE) && $(BIN)/codespell

types: $(VENV)/.dev ## static types, strict
	@echo "== types" && $(BIN)/mypy --no-error-summary

imports: $(VENV)/.dev ## who may import whom
	@echo "== imports" && { $(BIN)/lint-imports --no-logo >$(VENV)/.imports.log 2>&1 || { cat $(VENV)/.imports.log; exit 1; }; }

unit: tools $(VENV)/.dev ## unit tests
	@echo "== unit" && $(BIN)/pytest tests/unit $(ARGS)

simulate: tools $(VENV)/.dev ## the money protocol under every fault, in simulated time (SEED=4711: tell all that happens in one)
	@$(if $(SEED),PYTHONPATH=tests $(BIN)/python -m simulator.run $(SEED) --trace,$(BIN)/pytest tests/simulator $(ARGS))

fuzz: $(VENV)/.dev ## every decoder, fed what nobody meant to send: INPUTS (10,000,000) of SEED (a new one each time)
	@PYTHONPATH=tests $(BIN)/python -m fuzz.run --inputs $(INPUTS) --seed $(or $(SEED),$$(date +%s)) $(ARGS)

e2e-dataplane: tools $(VENV)/.dev ## a real data plane process, a real Redis, a scripted upstream
	@$(BIN)/pytest tests/e2e/dataplane $(ARGS)

e2e-clients: tools $(VENV)/.dev ## real SDKs and command lines against every wire; writes docs/compatibility.md
	@$(BIN)/pytest tests/e2e/clients $(ARGS)

e2e-cluster: tools $(VENV)/.dev cluster ## a real cluster: install, apply, call, observe
	@$(BIN)/pytest tests/e2e/cluster $(ARGS)

soak: tools $(VENV)/.dev ## mixed load, reloads and crashes for MINUTES (default 5), and KILLS (1000) under live streams: nothing may leak or be lost
	@SLUICE_SOAK_MINUTES=$(MINUTES) SLUICE_KILLS=$(KILLS) $(BIN)/pytest -s tests/soak tests/e2e/dataplane/test_money_kills.py $(ARGS)

bench: $(VENV)/.dev ## what a call costs, beside nginx and a naive proxy; prints a table
	@.ci/need nginx wrk && $(BIN)/python benchmarks/run.py $(ARGS)

##@ Build it
.PHONY: cluster images crds reference chart lock tools clean
cluster: ## start (or find) the Kubernetes cluster that e2e-cluster uses
	@echo "== cluster" && $(CLUSTER)/cluster up >/dev/null

images: ## build both images with docker or buildah
	@$(CLUSTER)/images

crds: $(VENV)/.dev ## write crds/ and the chart's copy from the Python models
	@$(BIN)/python -m sluice_operator.resources.crds $(CRDS)

reference: $(VENV)/.dev ## write the provider table into docs/reference/providers.md
	@$(BIN)/python -m sluice_operator.providers.reference docs/reference/providers.md

crds-check: $(VENV)/.dev
	@echo "== crds" && new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && \
	  $(BIN)/python -m sluice_operator.resources.crds "$$new" && \
	  for made in $(CRDS); do diff -ru --exclude=README.md "$$made" "$$new" >&2 || { echo "run make crds" >&2; exit 1; }; done

chart: crds ## lint the Helm chart and render it once
	@helm=$$($(CLUSTER)/cluster tool helm) && "$$helm" lint charts/gateway && "$$helm" template sluice charts/gateway >/dev/null

lock: $(VENV)/.dev ## write the exact versions that the images install
	@$(BIN)/python .ci/lock.py

tools:
	@.ci/need git curl openssl redis-server
	@$(CLUSTER)/cluster tool helm >/dev/null

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Stamps: an environment is made anew where pyproject.toml is newer.
$(VENV)/bin/python:
	@python=$$(.ci/python) && echo "venv: $$("$$python" --version) in $(VENV)" && "$$python" -m venv $(VENV)

$(VENV)/.standalone $(VENV)/.demo: $(VENV)/.%: pyproject.toml | $(VENV)/bin/python
	@echo "venv: installing sluice-gateway[$*]" && $(BIN)/python -m pip install --quiet --editable '.[$*]' && touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "venv: installing sluice-gateway with everything its tests need" && \
	  $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' && \
	  $(BIN)/python -m pip install --quiet --editable '.[dataplane,operator,standalone]' --group dev && touch $@
