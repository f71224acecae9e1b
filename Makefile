# What a newcomer runs. `make help` lists it.

PYTHON ?= python3.11
PORT ?= 8080
DATA ?= .data/parley
KILLS ?= 20
FAULTS ?= 20
BUS ?= mixed
DATABASE ?= sqlite
TALKERS ?= 20
BENCH ?=
SECONDS ?= 60
SEED ?=
WEB ?=
ADAPTER ?=

BIN := .venv/bin
READY := .venv/.ready
# Node comes with the pinned packages; npm's are in node_modules.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm
NODE_READY := node_modules/.ready
# Made anew when a source of the apps, or of the client below them, changes; the last one is built last.
WEB_BUILT := web/dist/desk/index.html
WEB_SOURCES := $(shell find web sdk/typescript/src -type f -not -path 'web/dist/*' -not -path 'web/tests/*')
BUILD_WEB_IF_POSSIBLE = test ! -f $(NODE_READY) || $(MAKE) --no-print-directory -s web || \
  echo "setup: the web app cannot be built (above); all else works" >&2
PACKAGES := bench command_line desk edge examples messaging_service moderation_service negotiation_service sdk/conformance sdk/python service_kit

.DEFAULT_GOAL := help
.PHONY: help setup node demo web up test longer conformance nightly check documents pictures protos bench crash trial

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: node ## Make .venv and node_modules with everything that is pinned

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

# The lock file holds the hashes, and this machine's settings say which registry to ask. A registry
# that cannot be reached is asked for one package alone, so that nobody waits for minutes.
$(NODE_READY): package-lock.json package.json .npmrc | $(READY)
	@echo "setup: npm's pinned packages, into node_modules"
	@reason=$$($(NPM) view typescript version --fetch-retries=0 --fetch-timeout=10000 \
	    --prefer-online 2>&1 >/dev/null && $(NPM) ci --no-progress --loglevel=error 2>&1) || { \
	  echo "$$reason" | grep -m 4 'npm error' | sed 's/^/  /' >&2; \
	  echo "setup: npm's packages are missing: its registry cannot be reached, or gave an error (above)." >&2; \
	  exit 1; }
	@touch $@

# Whoever talks to Parley needs nothing of npm's, so that its absence stops neither set-up nor demo.
node: $(READY)
	@$(MAKE) --no-print-directory -s $(NODE_READY) || { \
	  echo "setup: without them the TypeScript client is not built (sdk/typescript), its examples do not run," >&2; \
	  echo "setup: and make check and make test refuse. All else works; make setup tries again." >&2; }

# Without npm's packages, which `node` has told of, everything but the web app is there.
demo: node ## Play a first conversation, show its packets, go on serving (in a browser too)
	@$(BUILD_WEB_IF_POSSIBLE)
	@$(BIN)/parley demo

web: $(WEB_BUILT) ## Build the web apps, into web/dist/people and web/dist/desk

$(WEB_BUILT): $(NODE_READY) $(WEB_SOURCES)
	@echo "setup: the web apps, into web/dist"
	@$(NPM) run --silent build --workspace web -- --logLevel warn
	@touch $@

up: $(if $(WEB),node,$(READY)) ## Serve until Ctrl-C (PORT=8080 DATA=.data/parley; WEB=1: the web app too)
	@$(if $(WEB),$(BUILD_WEB_IF_POSSIBLE))
	@$(BIN)/parley up --port $(PORT) --data $(DATA) $(if $(WEB),--web)

# Whatever the environment says of it: each process that is started would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

# What takes long is tried by `make longer`, and by every run of .ci/run.
LONGER := tests/bench tests/conformance tests/deploy tests/examples tests/rolling tests/typescript tests/web/desk tests/web/test_pictures.py
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadgroup --durations 15

test: $(READY) $(NODE_READY) ## Run the tests, and name the slowest
	@$(PYTEST) $(addprefix --ignore ,$(LONGER))

longer: $(READY) $(NODE_READY) ## Run the other tests: TypeScript, the desk in a browser, libraries over bad lines, compose, chart, rolling update, benchmarks
	@$(PYTEST) $(LONGER)

crash: $(READY) ## Kill parts while people talk, bargain and complain (KILLS=20 DATABASE=sqlite TALKERS=20)
	@$(BIN)/python -m tests.crash --kills $(KILLS) --database $(DATABASE) --talkers $(TALKERS)
	@$(BIN)/python -m tests.crash.sagas --database $(DATABASE)

trial: $(READY) ## Strike several processes of each part, NATS and PostgreSQL while people talk (FAULTS=20 BUS=mixed TALKERS=20 SEED=7)
	@$(BIN)/python -m tests.crash.replicas --faults $(FAULTS) --bus $(BUS) --talkers $(TALKERS) $(if $(SEED),--seed $(SEED))

conformance: $(READY) $(NODE_READY) ## Try client libraries over bad lines (SECONDS=60 SEED=7 ADAPTER=python DATABASE=sqlite)
	@$(BIN)/python -m conformance --seconds $(SECONDS) --database $(DATABASE) \
	  $(if $(SEED),--seed $(SEED)) $(if $(ADAPTER),--adapter '$(ADAPTER)')

nightly: $(READY) $(NODE_READY) ## Try the rules out for 100,000 steps each, libraries over bad lines, benchmarks, updates, backups (half an hour)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/negotiation_service/domain/test_machine.py \
	  tests/moderation_service/domain/case/test_machine.py \
	  tests/moderation_service/domain/dispute/test_machine.py tests/bench tests/deploy tests/system/test_fuzz.py
	$(BIN)/python -m conformance --seconds 600
	$(BIN)/python -m conformance --seconds 120 --database postgresql

check: $(READY) $(NODE_READY) ## Lint, format, types, import rules, contracts, documents
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict $(PACKAGES) tests
	$(BIN)/lint-imports
	$(BIN)/python protos/generate.py --check
	$(BIN)/python docs/generate_protocol.py --check
	$(BIN)/python docs/generate_negotiation.py --check
	$(BIN)/python docs/generate_moderation.py --check
	$(BIN)/python docs/generate_operations.py --check
	$(BIN)/python docs/generate_asyncapi.py --check
	$(BIN)/python docs/plot_performance.py --check
	$(BIN)/python docs/generate_desk.py --check
	$(BIN)/python docs/generate_monitoring.py --check
	$(BIN)/python docs/generate_chart.py --check
	$(NPM) run --silent check

pictures: $(READY) $(NODE_READY) ## Take the pictures of the README anew, and draw its plot
	PARLEY_PICTURES=docs/pictures $(BIN)/python -m pytest -q tests/web/test_pictures.py tests/web/desk/test_desk_looks.py -k readme
	$(BIN)/python docs/plot_performance.py

documents: $(READY) $(NODE_READY) ## Generate what the code says into the documents, and into the TypeScript code
	@for one in protocol negotiation moderation operations asyncapi desk monitoring chart; do \
	  $(BIN)/python docs/generate_$$one.py || exit; done
	@$(NPM) run --silent generate --workspace sdk/typescript --workspace web

protos: $(READY) ## Generate the contracts' code
	$(BIN)/python protos/generate.py

bench: node ## Measure (BENCH="load --database sqlite"; BENCH=--help)
	$(BIN)/python -m bench $(BENCH)
