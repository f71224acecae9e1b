# What a newcomer runs. `make help` lists it.

PYTHON ?= python3.11
PORT ?= 8080
DATA ?= .data/parley
KILLS ?= 20
DATABASE ?= sqlite
TALKERS ?= 20
BENCH ?=

BIN := .venv/bin
READY := .venv/.ready
PACKAGES := bench command_line edge messaging_service moderation_service negotiation_service sdk/python service_kit

.DEFAULT_GOAL := help
.PHONY: help setup demo up test nightly check protos bench crash

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything pinned in requirements/

# Made anew when the pinned versions or the project change; otherwise there is nothing to do.
$(READY): requirements/development.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make: $(PYTHON) is not installed; name a Python 3.11 or later with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is older than Python 3.11; name another with PYTHON=..." >&2; exit 1; }
	@echo "setup: the virtual environment .venv"
	@$(PYTHON) -m venv .venv
	@echo "setup: the pinned packages (a minute or two the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes -r requirements/development.txt
	@echo "setup: parley itself"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-build-isolation --no-deps --editable .
	@touch $@
	@echo "setup: done"

demo: $(READY) ## Play a first conversation, show its packets, go on serving
	@$(BIN)/parley demo

up: $(READY) ## Serve until Ctrl-C (PORT=8080 DATA=.data/parley)
	@$(BIN)/parley up --port $(PORT) --data $(DATA)

test: $(READY) ## Run all tests, and name the slowest
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadgroup --durations 15

crash: $(READY) ## Kill parts while people talk, bargain and complain (KILLS=20 DATABASE=sqlite TALKERS=20)
	@$(BIN)/python -m tests.crash --kills $(KILLS) --database $(DATABASE) --talkers $(TALKERS)
	@$(BIN)/python -m tests.crash.sagas --database $(DATABASE)

nightly: $(READY) ## Try the rules out for 100,000 steps each, the benchmarks, updates and backups (some minutes)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/negotiation_service/domain/test_machine.py \
	  tests/moderation_service/domain/case/test_machine.py \
	  tests/moderation_service/domain/dispute/test_machine.py tests/bench tests/deploy tests/system/test_fuzz.py

check: $(READY) ## Lint, format, types, import rules, contracts, documents
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict $(PACKAGES) tests
	$(BIN)/lint-imports
	$(BIN)/python protos/generate.py --check
	$(BIN)/python docs/generate_protocol.py --check
	$(BIN)/python docs/generate_negotiation.py --check
	$(BIN)/python docs/generate_moderation.py --check
	$(BIN)/python docs/generate_operations.py --check

protos: $(READY) ## Generate the contracts' code
	$(BIN)/python protos/generate.py

bench: $(READY) ## Measure (BENCH="load --database sqlite"; BENCH=--help)
	$(BIN)/python -m bench $(BENCH)
