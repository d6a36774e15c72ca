# Four verbs, the same for a developer and in CI: run, test, check, bench.
#   make run                     the demo corpus, quick preset
#   make run CORPUS=my/texts     your own text
PYTHON ?= python3.11
CORPUS ?= corpora/heronsmere-works
PRESET ?= quick

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools

.PHONY: run test check bench clean

run: $(INSTALLED)
	$(BIN)/closedbook run $(CORPUS) --preset $(PRESET)

test: $(TOOLS)
	$(BIN)/python -m pytest

check: $(TOOLS)
	$(BIN)/ruff check flows tasks tests bench
	$(BIN)/ruff format --check flows tasks tests bench
	$(BIN)/mypy

bench: $(TOOLS)
	$(BIN)/python -m bench

# torch goes first: where the machine offers a build of 2.13.0 without CUDA (find-links, an extra index), pip takes it.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

# What tests and checks need besides: a run does without.
$(TOOLS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
