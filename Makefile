# Everything a person needs: make demo, make test, make ui.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOME_FOLDER ?= .aehpo
DEMO_DATA := $(HOME_FOLDER)/data
STAMP := $(VENV)/.installed

.PHONY: demo install test lint types fast-tests test-slow test-all ui bench docs clean

demo: install
	$(BIN)/aehpo dataset demo $(DEMO_DATA)
	$(BIN)/aehpo run data/studies/demo.yaml --data $(DEMO_DATA) --home $(HOME_FOLDER)
	@echo
	@echo "Open the Dagster UI on this study with:  make ui"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

PYTEST := $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# A few minutes, for every change. Types are checked beside the tests.
test: lint
	$(MAKE) --no-print-directory --jobs 2 types fast-tests

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

fast-tests: install
	$(PYTEST) -m "not slow"

# The rest: whole studies, processes that are stopped, statistics over many simulated studies.
test-slow: install
	$(PYTEST) -m slow

# Both, and what takes hours: a data set lands under the real daemon, a study survives twenty
# kills, and fleets keep their promises under the arithmetic of other processors.
test-all: install
	AEHPO_DAEMON=1 AEHPO_KILLS=20 AEHPO_PROCESSORS=all $(PYTEST)

ui: install
	$(BIN)/aehpo ui --home $(HOME_FOLDER)

bench: install
	$(BIN)/python -m benchmarks.bench $(if $(QUICK),--quick) $(if $(JSON),--json $(JSON))

docs: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m mkdocs build --strict

clean:
	rm -rf $(VENV) build *.egg-info
