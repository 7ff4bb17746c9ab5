# One door to everything; README, CONTRIBUTING and CI use these targets and nothing else.
# Needs Python 3.11 to 3.14, git and make. Everything else comes from the lock files.

VENV := .venv
BIN  := $(VENV)/bin
TEST_WORKERS ?= 2
PACKAGES := seatsync_pipeline assets sensors

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo dev test lint types imports unit chromium soak coverage fuzz reference reliability screenshots bench format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## create .venv from the lock file and install SeatSync into it

setup-dev: $(VENV)/.installed-dev ## the same, with what the tests need

demo: $(VENV)/.installed ## run the whole cycle on the built-in sandbox: read, preview, approve, push, prove
	@$(BIN)/seatsync demo

dev: $(VENV)/.installed ## open the Dagster UI on your own data (settings from .env)
	@$(BIN)/python -m seatsync_pipeline.dev

test: $(VENV)/.installed-dev ## lint, types, import rules, then every test
	@$(MAKE) --no-print-directory lint types imports unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

unit: $(VENV)/.installed-dev chromium
	$(BIN)/pytest -n $(TEST_WORKERS)

# The browser tests need one of the machine's own; Playwright's download is not used. The names are those of tests/browser/desk.py.
chromium:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	    command -v "$$name" >/dev/null 2>&1 && exit 0; \
	done; \
	apt="env DEBIAN_FRONTEND=noninteractive apt-get"; [ "$$(id -u)" = 0 ] || apt="sudo -n $$apt"; \
	echo "Installing Chromium for the browser tests ..."; \
	$$apt install -yqq --no-install-recommends chromium || { $$apt update -qq && $$apt install -yqq --no-install-recommends chromium; } || { \
	    echo "The browser tests need Chromium, and it could not be installed. Install chromium or google-chrome by hand," >&2; \
	    echo "or leave those tests out: $(BIN)/pytest -m 'not browser'" >&2; exit 2; \
	}

soak: $(VENV)/.installed-dev ## ten processes at one database for a minute: nothing lost, nothing half
	TOGETHER_SECONDS=60 $(BIN)/pytest -q -s -p no:xdist tests/warehouse/test_together.py

# Apart from `test`, which measuring would slow down.
coverage: $(VENV)/.installed-dev chromium ## every test, and which lines and branches they reach
	$(BIN)/pytest -n $(TEST_WORKERS) --cov --cov-report=term:skip-covered

FUZZ_EXAMPLES ?= 20000

fuzz: $(VENV)/.installed-dev ## feed readers and gate many thousands of damaged inputs (FUZZ_EXAMPLES=20000)
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/pytest tests/fuzz -n $(TEST_WORKERS) --timeout=0

reference: $(VENV)/.installed ## write docs/reference.md anew from the code
	$(BIN)/python docs/make_reference.py

# On an idle machine: the figures are ratios, and a busy one is slow. ARGS="scan duo" runs some of them.
bench: $(VENV)/.installed-dev ## measure speed and memory against what latency and limits allow; one table
	@$(BIN)/python -m benchmarks $(ARGS)

reliability: $(VENV)/.installed-dev ## run every fault of docs/reliability.md and write that page anew
	$(BIN)/python docs/make_reliability.py

# ARGS="preview scan" takes some of them.
screenshots: $(VENV)/.installed-dev chromium ## take the pictures in docs/images anew: sandbox, Dagster, headless Chromium
	PYTHONPATH=. $(BIN)/python docs/make_screenshots.py $(ARGS)

format: $(VENV)/.installed-dev ## let ruff format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## make both lock files anew (needs uv on the PATH)
	uv pip compile pyproject.toml -c constraints.txt $(LOCK_FLAGS) -o requirements.lock
	uv pip compile pyproject.toml -c requirements.lock --extra dev $(LOCK_FLAGS) -o requirements-dev.lock

LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-strip-extras \
              --no-emit-index-url --no-emit-find-links --no-header --upgrade --quiet

clean: ## remove the environment and all caches, never your data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage build *.egg-info
	find $(PACKAGES) tests docs benchmarks -name __pycache__ -prune -exec rm -rf {} +

# Hash mode refuses an editable project, so the lock goes first and the project after it, alone. An editable project is not
# compiled by the installation, and those who run it may not be allowed to write here: each start would compile it anew.
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/bin/python:
	@python=$$(for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	    "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null \
	        && echo "$$candidate" && break; \
	done); \
	if [ -z "$$python" ]; then \
	    echo "SeatSync needs Python 3.11 to 3.14 and found none. Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 2; \
	fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "$$python cannot create a virtual environment: install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2; exit 2; \
	fi; \
	"$$python" -m venv $(VENV)
