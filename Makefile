# Every target works in a fresh clone: the virtual environment is made when it is missing.
#   make demo     the whole product on bundled real data, ending in a server
#   make test     the checks and all tests
# Settings: VENV (folder, default .venv), PYTHON (default python3, 3.11 or later), DATA_DIR, PORT.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PYTHON ?= python3
DATA_DIR ?= demo-data
PORT ?= 8000
NAME ?=
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.truecast-all
DEV_STAMP := $(VENV)/.truecast-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --progress-bar off

# where it is set, each of the hundreds of processes that tests start compiles all code anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo serve test tests check lint types bench soak lock clean

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

# A lock names all that is needed, so nobody works out anew what needs what.
# The dev set holds all of the run set, so whoever has dev needs no second install.
$(RUN_STAMP): requirements/all.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing requirements/all.txt into $(VENV) (a few minutes the first time)"
	@$(PIP) --no-deps --require-hashes -r requirements/all.txt
	@$(PIP) --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

# Most of it is never imported: compiling all takes as long as everything else, and tests do it as they go.
$(DEV_STAMP): requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing requirements/dev.txt into $(VENV) (a few minutes the first time)"
	@$(PIP) --no-compile --no-deps --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@ $(RUN_STAMP)

install: $(DEV_STAMP)

demo: $(RUN_STAMP)
	@$(BIN)/truecast demo --data-dir $(DATA_DIR) --port $(PORT)

serve: $(RUN_STAMP)
	@$(BIN)/truecast serve --data-dir $(DATA_DIR) --port $(PORT)

check: lint types

lint: $(DEV_STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports --no-logo

types: $(DEV_STAMP)
	@$(BIN)/mypy

# types beside the tests: they need one core for a minute, on which the tests would wait
test: lint
	@$(MAKE) --jobs=2 types tests

# two processes, a file's tests in one of them: what a module's fixture built is built once. In the
# order in which they are collected: by xdist's own, the longest of few tests come last and alone.
tests: $(DEV_STAMP)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

bench: $(DEV_STAMP)
	@$(BIN)/python -m benchmarks.run $(NAME)

# the long ones of the service: overload, ten minutes at half load, kills, and what is left out of
# `make test` on PostgreSQL because one run tells it
soak: $(DEV_STAMP)
	@$(BIN)/python -m benchmarks.run overload soak kills
	@OMP_NUM_THREADS=1 TRUECAST_TEST_ALL=1 $(BIN)/python -m pytest -q tests/service -k postgresql
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m bench tests/service/hostile

# One resolution for all three files: the smaller ones are cut out of the largest.
lock: $(DEV_STAMP)
	@BIN=$(BIN) bash requirements/lock.sh $(UPGRADE)

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
