# make run: a server on http://127.0.0.1:8000. make test: all tests that need no services.
# The rest is for those who work on tusbridge; `make help` lists it.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# further flags of `tusbridge serve` and of pytest
ARGS ?=
# a Django of one's own choice, as in DJANGO='Django==6.0.*'
DJANGO ?= Django
# runs of `make simulate`, and its first seed; none: another one each time
RUNS ?= 20000
SEED ?=
# seconds of `make soak`
SOAK_SECONDS ?= 600
# cases of `make fuzz` for each server
FUZZ ?= 12000
SERVICES := service or browser or root or nginx or original or servers
# what tests/legacy compares with: the package whose contract it is
ORIGINAL := django-chunked-upload-patched==2.1.0 'Django==5.2.*' gunicorn djangorestframework \
  dj-database-url pytest pytest-django pytest-timeout pytest-randomly 'psycopg[binary]' mysqlclient
# each in .venvs/peers/NAME with the requirements of its name; litestar-tus needs Python 3.13
PEERS := $(basename $(notdir $(wildcard benchmarks/peers/requirements/*.txt)))
PEERS_PYTHON ?= $(shell for p in python3.13 python3.14 python3; do $$p -c "import sys; sys.exit(sys.version_info < (3, 13))" 2>/dev/null && echo $$p && break; done)
PEERS_NODE := benchmarks/peers/apps/tusnode
DATABASE_URLS ?= postgresql://root@127.0.0.1:5432/test mysql://root@127.0.0.1:3306/test
DATABASE_TESTS := tests/leases tests/service tests/api tests/test_quotas.py tests/test_quotas_growth.py

.PHONY: help run test test-services services databases original peers switch torture fuzz soak simulate lint format frontend matrix matrix-3.12 matrix-3.13 wheel wheel-conformance docs bench bench-quick bench-docs servers-table disks-table floor conformance-peers clean

help:
	@echo "run             install and serve; ARGS='--port 9000'"
	@echo "test            install and run the tests that need no services; ARGS='-k name'"
	@echo "test-services   those that need PostgreSQL, MariaDB, Chromium and root"
	@echo "original        django-chunked-upload in .venvs/original, to compare with"
	@echo "peers           other servers in .venvs/peers, to compare with (needs Python 3.13, Node.js)"
	@echo "torture         the long proofs: 50 kills, 5 tortures on each database, 1,000 slow clients, holds"
	@echo "switch          a site of django-chunked-upload goes over to ours, on each database"
	@echo "fuzz            12,000 cases of almost right requests for each server; FUZZ=100000 for more"
	@echo "soak            ten minutes of hostile clients beside honest ones: memory and times; SOAK_SECONDS=60"
	@echo "simulate        20,000 simulated runs of a site whose disk, database and processes fail; RUNS=100000"
	@echo "lint            ruff, mypy, import-linter, migrations"
	@echo "format          let ruff format"
	@echo "frontend        build the upload page (needs Node.js)"
	@echo "matrix          the tests on Python 3.12 with Django 6.0 and on 3.13 with Django 6.1"
	@echo "wheel           build the wheel and try it where the sources are not"
	@echo "wheel-conformance   likewise the wheel of conformance/ alone"
	@echo "docs            the documentation, to build/docs"
	@echo "conformance-peers   the checks at each other server, to docs/conformance-results.md"
	@echo "servers-table   what each server keeps of uploads, to docs/servers/kept.md"
	@echo "disks-table     what serve and a site do on other disks, to docs/storages/kinds.md (needs root)"
	@echo "bench           what uploads cost, beside other servers and bare ones (first: make peers)"
	@echo "bench-quick     the same in two minutes"
	@echo "bench-docs      the same, and the tables and the chart of docs/benchmarks.md anew"

run: $(VENV)/.server frontend-if-npm
	$(BIN)/tusbridge serve $(ARGS)

test: $(VENV)/.test frontend-if-npm floor
	TUSBRIDGE_SKIP_MISSING=$${TUSBRIDGE_SKIP_MISSING-1} $(BIN)/python -m pytest -m "not ($(SERVICES))" $(ARGS)

test-services: services databases

services: $(VENV)/.services frontend original
	$(BIN)/python -m pytest -m "$(SERVICES)" $(ARGS)

# what depends on the database, once more on each
databases: $(VENV)/.services
	for url in $(DATABASE_URLS); do \
	  TUSBRIDGE_HELD_STRIDE=12 TUSBRIDGE_TEST_DATABASE_URL=$$url \
	    $(BIN)/python -m pytest $(DATABASE_TESTS) $(ARGS) || exit 1; \
	done

original: .venvs/original/.made

.venvs/original/.made: Makefile constraints.txt
	$(PYTHON) -m venv .venvs/original
	.venvs/original/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt $(ORIGINAL)
	touch $@

peers: original $(PEERS:%=.venvs/peers/%/.made) $(PEERS_NODE)/node_modules/.made

# of 2020: it wants Django 3.2, which wants a Python before 3.12
.venvs/peers/django-tus/.made: PEERS_PYTHON = python3.11

.venvs/peers/%/.made: benchmarks/peers/requirements/%.txt
	@test -n "$(PEERS_PYTHON)" || { echo "the peers need Python 3.13; name one: make peers PEERS_PYTHON=/path/to/python3"; exit 1; }
	rm -rf $(@D)
	$(PEERS_PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check -q install -r $<
	touch $@

$(PEERS_NODE)/node_modules/.made: $(PEERS_NODE)/package-lock.json
	cd $(PEERS_NODE) && npm ci --silent --no-audit --no-fund
	touch $@

switch: $(VENV)/.services original
	TUSBRIDGE_SWITCH_DATABASES="sqlite postgresql mariadb" \
	  $(BIN)/python -m pytest tests/legacy/test_switch.py $(ARGS)

torture: $(VENV)/.services
	TUSBRIDGE_KILLS=50 TUSBRIDGE_TORTURE_RUNS=5 TUSBRIDGE_CROWD=1000 TUSBRIDGE_BIG_MIB=2048 \
	  TUSBRIDGE_MANY_MIB=256 \
	  $(BIN)/python -m pytest tests/faults tests/crowd --timeout 3000 -s $(ARGS)
	TUSBRIDGE_HELD_STRIDE=1 $(BIN)/python -m pytest tests/service/test_overtaken.py --timeout 3000 $(ARGS)

# hostile clients beside honest ones; alone on the machine, for it judges times
soak: $(VENV)/.test
	$(BIN)/python -m tests.soak $(SOAK_SECONDS)

# another seed each time; what fails names its own, for TUSBRIDGE_FUZZ_SEED
fuzz: $(VENV)/.test
	TUSBRIDGE_FUZZ=$(FUZZ) TUSBRIDGE_FUZZ_SEED=$${TUSBRIDGE_FUZZ_SEED-$$(date +%s)} \
	  $(BIN)/python -m pytest tests/fuzz --timeout 36000 -s $(ARGS)

# what fails names its seed and tells what happened; ARGS=--keep-going counts failures instead
simulate: $(VENV)/.test
	$(BIN)/python -m tests.simulation --jobs 2 --runs $(RUNS) $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m django makemigrations --check --dry-run

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

frontend: frontend/node_modules/.built

frontend-if-npm:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory frontend; \
	else echo "npm is not here: the upload page is not built, everything else works"; fi

frontend/node_modules/.built: frontend/package-lock.json frontend/build.mjs $(wildcard frontend/src/*)
	cd frontend && npm ci --silent --no-audit --no-fund && npm run --silent build
	touch $@

matrix: matrix-3.12 matrix-3.13

matrix-3.12:
	$(MAKE) test PYTHON=python3.12 VENV=.venvs/3.12 DJANGO='Django==6.0.*'

matrix-3.13:
	$(MAKE) test PYTHON=python3.13 VENV=.venvs/3.13 DJANGO='Django==6.1.*'

wheel: $(VENV)/.lint frontend
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .
	sh tests/wheel.sh $(PYTHON)

wheel-conformance: $(VENV)/.lint
	rm -rf build/conformance
	$(BIN)/python -m build --wheel --outdir build/conformance packaging/conformance
	sh tests/wheel_conformance.sh $(PYTHON) "$$(ls "$$PWD"/build/conformance/tusbridge_conformance-*.whl)"

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W -q -b html docs build/docs
	@echo "build/docs/index.html"

conformance-peers: $(VENV)/.server peers
	$(BIN)/python -m benchmarks.peers.compare $(ARGS)

BENCH := $(BIN)/python -m benchmarks --postgres $(firstword $(DATABASE_URLS))

bench: $(VENV)/.services original floor
	$(BENCH) $(ARGS)

# fails when something of ours cannot run, never on a figure
bench-quick: $(VENV)/.services original floor
	$(BENCH) --scale 0.0625 --rounds 1 $(ARGS)

# docs/benchmarks.md includes the one file and shows the other
bench-docs: $(VENV)/.services peers floor
	$(BENCH) --json build/benchmarks.json --markdown docs/benchmarks/results.md --svg docs/benchmarks.svg $(ARGS)

# what each server keeps of uploads, measured by itself and behind nginx
servers-table: $(VENV)/.services
	$(BIN)/python -m tests.server.table --markdown docs/servers/kept.md $(ARGS)

# what serve and a site do on disks that lack something; needs root and FUSE
disks-table: $(VENV)/.services
	$(BIN)/python -m tests.disks.table --markdown docs/storages/kinds.md $(ARGS)

floor: build/floor

# without a compiler the floor is in Python, and the report says so
build/floor: benchmarks/floor.c
	mkdir -p build
	if command -v $(CC) >/dev/null; then $(CC) -O2 -Wall -Wextra -o $@ $<; else rm -f $@; fi

clean:
	rm -rf $(VENV) .venvs dist build frontend/node_modules $(PEERS_NODE)/node_modules tusbridge/static

$(BIN)/python:
	@test -n "$(PYTHON)" && command -v $(PYTHON) >/dev/null || { echo "tusbridge needs Python 3.11 or later; name one: make run PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -U pip

$(VENV)/.server: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt '$(DJANGO)' -e '.[server]'
	touch $@

$(VENV)/.test: $(VENV)/.server
	$(PIP) install -c constraints.txt '$(DJANGO)' --group test
	touch $@

$(VENV)/.services: $(VENV)/.test
	$(PIP) install -c constraints.txt '$(DJANGO)' -e '.[server,postgres,mysql]' --group browser --group schemas --group servers
	touch $@

$(VENV)/.lint: $(VENV)/.services
	$(PIP) install -c constraints.txt '$(DJANGO)' --group lint
	touch $@

$(VENV)/.docs: $(VENV)/.server
	$(PIP) install -c constraints.txt '$(DJANGO)' --group docs
	touch $@
