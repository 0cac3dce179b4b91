# The front door. `make` alone lists what can be done. Everything is installed below this folder (.venv, .kursi, .build).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS ?= 2
PACKAGES := libs/chassis libs/peers protos $(wildcard services/*) gateway simulators deploy/local
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Whoever wants no bytecode beside the sources still wants processes that do not compile everything at their start.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(VENV)/bytecode
endif
.DEFAULT_GOAL := help
.PHONY: help run up codes stop status test test-fast check format lint types imports protos proto-check requirements-check promises gateway-check bench lock setup clean

help: ## Show this page
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## See it
run: $(VENV)/.run ## Start everything, play the main job once and stay up (Ctrl-C stops)
	@$(BIN)/python -m kursi_local run
up: $(VENV)/.run ## Start everything and stay up, without the story
	@$(BIN)/python -m kursi_local up
status: $(VENV)/.run ## Say what runs and where
	@$(BIN)/python -m kursi_local status
codes: $(VENV)/.run ## Show the newest one-time codes of the demo accounts
	@$(BIN)/python -m kursi_local codes
stop: $(VENV)/.run ## Stop what `make run` or `make up` started
	@$(BIN)/python -m kursi_local stop

## Show that it works
test: $(VENV)/.dev ## Run every test: unit, integration, contract, end to end; WORKERS=1 one after the other
	$(BIN)/pytest -n $(WORKERS) --dist loadfile
test-fast: $(VENV)/.dev ## Run the unit tests only
	$(BIN)/pytest $(wildcard */tests/unit */*/tests/unit)
bench: $(VENV)/.dev ## Measure: a table for people, JSON in bench/results
	$(BIN)/python -m bench

## Check a change
check: $(VENV)/.dev format-check lint types imports proto-check requirements-check promises gateway-check ## Everything that a change must pass besides the tests
format: $(VENV)/.dev ## Format Python and protos
	$(BIN)/ruff format . && $(BIN)/ruff check --fix-only --quiet . && $(BIN)/buf format -w protos
format-check: $(VENV)/.dev
	$(BIN)/ruff format --check . && $(BIN)/buf format -d --exit-code protos
lint: $(VENV)/.dev ## Lint Python
	$(BIN)/ruff check .
types: $(VENV)/.dev ## Check types (mypy, strict)
	$(BIN)/mypy libs services gateway simulators deploy tools bench
imports: $(VENV)/.dev ## Check who may import whom
	$(BIN)/lint-imports --no-cache
proto-check: $(VENV)/.dev ## Lint the contract, refuse breaking changes and stale generated code
	$(BIN)/python tools/proto_check.py
requirements-check: $(VENV)/.dev ## Refuse stale requirements files
	$(BIN)/python tools/requirements.py --check
promises: $(VENV)/.dev ## Refuse claims of tests that docs/promises.md does not explain
	$(BIN)/python tools/promises.py
gateway-check: $(VENV)/.dev ## Generate the gateway's configuration and have Envoy validate it
	$(BIN)/python -m kursi_gateway check

## Change things
protos: $(VENV)/.dev ## Generate the code of the contract
	$(BIN)/python tools/gen_protos.py
lock: $(VENV)/.dev ## Resolve versions anew and write requirements/ (needs the network)
	$(BIN)/uv lock --quiet --upgrade && $(BIN)/python tools/requirements.py
setup: $(VENV)/.dev ## Install what development needs
clean: ## Remove everything that was installed or generated here, data of the laptop platform included
	@if test -e .kursi -a -e $(VENV)/.run; then $(BIN)/python -m kursi_local reset; fi
	rm -rf $(VENV) .kursi .build .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/results

$(VENV)/bin/uv: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	@echo "Installing into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

# The local packages are linked, not copied: an edit is live. No build isolation: the build backend is hash-pinned like everything else.
define install
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/$(1).txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	@touch $@
endef

$(VENV)/.run: requirements/run.txt $(VENV)/bin/uv $(addsuffix /pyproject.toml,$(PACKAGES))
	$(call install,run)
$(VENV)/.dev: requirements/dev.txt $(VENV)/bin/uv $(addsuffix /pyproject.toml,$(PACKAGES))
	$(call install,dev)
	@touch $(VENV)/.run
