# Everything one does with this repository; `make help` lists it.

VENV ?= .venv
PORT ?= 8000
# How many processes run tests. Many of these wait: three keep two cores busy.
TESTERS ?= 3
# The first one that is new enough makes the environment; PYTHON=... names another.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Where tests need real servers, a browser or Node; all other ones are fast.
FAR := browser clients conformance docs faults projects server_protocol servers
FAST := tests $(FAR:%=--ignore=tests/%)
PYTEST := $(BIN)/python -m pytest -q
# Each begins with neighbours, for what modules share, and ends with what others left.
SHARED := -n $(TESTERS) --dist worksteal
# Servers are for one process each, which comes back to them; see tests/conftest.py.
GROUPED := -n $(TESTERS) --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test fast coverage chaos check format bench conformance node-modules install

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

demo: $(INSTALLED) ## Serve the demo on http://127.0.0.1:8000/ (PORT=... for another)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT))).close()' 2>/dev/null || \
		{ echo "Port $(PORT) is taken. Take another one: make demo PORT=8001" >&2; exit 1; }
	@echo "partyrooms serves its demo on http://127.0.0.1:$(PORT)/ until Ctrl+C"
	@exec $(BIN)/python manage.py runserver --noreload 127.0.0.1:$(PORT) >/dev/null

test: $(INSTALLED) ## Run every test that this machine can run
	@$(PYTEST) $(GROUPED) $(ARGS)

fast: $(INSTALLED) ## Run the tests that need no server, no browser and no Node
	@$(PYTEST) $(SHARED) $(FAST) $(ARGS)

coverage: $(INSTALLED) ## Show which lines the fast tests do not reach; servers do not count
	@$(BIN)/python -m coverage run -m pytest -q $(FAST) $(ARGS)
	@$(BIN)/python -m coverage report

chaos: $(INSTALLED) ## Run the long searches and the long fault tests, which takes minutes
	@PARTYROOMS_CHAOS=long $(BIN)/python -m pytest -q tests/core tests/faults $(ARGS)

check: $(INSTALLED) ## Check style, types, imports, the deployment and the migrations
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy --strict
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/python -m tests.structure
	PARTYROOMS_DEBUG=0 PARTYROOMS_HTTPS=1 PARTYROOMS_HOSTS=example.com \
	PARTYROOMS_SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))')" \
		$(BIN)/python manage.py check --deploy --fail-level WARNING
	PARTYROOMS_DB=:memory: $(BIN)/python manage.py makemigrations --check --dry-run

format: $(INSTALLED) ## Lay the code out and mend what ruff can mend
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

bench: $(INSTALLED) ## Measure, and write benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks $(ARGS)

conformance: $(INSTALLED) ## Write docs/reference/conformance.md from the tests
	@PYTEST_ADDOPTS="$(GROUPED)" $(BIN)/python -m tests.conformance.report $(ARGS)

node-modules: tests/clients/node_modules/.installed ## Bring the clients that the Node tests drive
	@:

install: $(INSTALLED) ## Make the environment, which the other commands do as well
	@:

$(INSTALLED): requirements.txt
	@found=; \
	for python in $(PYTHON); do \
		if [ -z "$$found" ] && "$$python" -c 'import sys, ensurepip, sqlite3, venv; \
			sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then found="$$python"; fi; \
	done; \
	if [ ! -x $(BIN)/python ] && [ -z "$$found" ]; then \
		echo "Python 3.11 or newer with venv and sqlite3 is needed; tried: $(PYTHON)." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv. Or: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "Installing into $(VENV), once ..." >&2; \
	[ -x $(BIN)/python ] || "$$found" -m venv $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check install -qq -r requirements.txt
	@touch $@

# Exact versions stand in package.json. No lock file: it would name one registry.
tests/clients/node_modules/.installed: tests/clients/package.json
	@command -v npm >/dev/null || { echo "Node and npm are needed, as in Debian's packages nodejs and npm." >&2; exit 1; }
	@cd tests/clients && npm install --no-package-lock --no-audit --no-fund --ignore-scripts --silent
	@touch $@
