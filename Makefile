# Every verb makes its own environment in .venv: `make demo` and `make test` work on a fresh machine
# that has Python 3.11 or newer and make.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SOURCES := src tests benchmarks examples docs
# Folders that exist; a checkout may lack some.
PRESENT := $(wildcard $(SOURCES))
# As many test processes as cores, at most four: more do not pay for their start.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && echo 4 || echo $$n)

.DEFAULT_GOAL := check
.PHONY: demo setup test coverage check fmt lint layers types bench docs clean

# demo: train on a real table, write the report, serve the model, ask it once (under a minute)
demo: $(READY)
	$(BIN)/justright demo

# setup: make .venv with everything that the other verbs need
setup: $(READY)

# test: all tests and doctests
test: $(READY)
	$(BIN)/pytest -n $(JOBS) --dist loadfile -q

# coverage: the same with the lines that no test runs; a quarter slower
coverage: $(READY)
	$(BIN)/pytest -n $(JOBS) --dist loadfile -q --cov=justright --cov-report=term

# check: exactly what CI runs: format, lint, layers, types, tests
check: $(READY)
	$(BIN)/ruff format --check $(PRESENT)
	$(MAKE) lint layers types test

# fmt: put the code into shape
fmt: $(READY)
	$(BIN)/ruff format $(PRESENT)
	$(BIN)/ruff check --fix $(PRESENT)

# lint: the rules of pyproject.toml
lint: $(READY)
	$(BIN)/ruff check $(PRESENT)

# layers: who may import whom
layers: $(READY)
	$(BIN)/lint-imports

# types: mypy, strict
types: $(READY)
	$(BIN)/mypy

# bench: import and start, reading, fingerprints, scoring; each writes a dated file into its results/
bench: $(READY)
	for each in start/start source/read split/fingerprint serving/scoring; do \
	  $(BIN)/python benchmarks/$$each.py || exit 1; done

# docs: write the generated pages of docs/reference
docs: $(READY)
	$(BIN)/python docs/make_reference.py

# clean: remove the environment and what tools left behind
clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "justright needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	if command -v uv >/dev/null; then uv pip install -q --python $(BIN)/python -e '.[dev]'; \
	  else $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'; fi
	touch $@
