# Four verbs, the same for a developer and in CI: run, test, check, bench.
#   make run                     the demo corpus, quick preset
#   make run CORPUS=my/texts     your own text
PYTHON ?= python3.11
CORPUS ?= corpora/heronsmere-works
PRESET ?= quick

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test check bench clean

run: $(STAMP)
	$(BIN)/closedbook run $(CORPUS) --preset $(PRESET)

test: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff check flows tasks tests bench
	$(BIN)/ruff format --check flows tasks tests bench
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m bench

# torch goes first: where the machine offers a build of 2.13.0 without CUDA (find-links, an extra index), pip takes it.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
