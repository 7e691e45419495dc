PYTHON ?= python3
VENV ?= .venv
BENCH := $(VENV)/bin/bench
READY := $(VENV)/.ready

.PHONY: env run test soak lint types bench wheel clean

env: $(READY)

# The constraints pin every package to the version the tests passed with.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

run: env
	$(BENCH) run --task reben-mlc --model resnet50

test: env
	$(VENV)/bin/python -m pytest --numprocesses 2

# Tests that try thousands of inputs or kills, too long for every change.
soak: env
	$(VENV)/bin/python -m pytest --numprocesses 2 -m soak

lint: env
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: env
	$(VENV)/bin/mypy

bench: env
	$(VENV)/bin/python -m pytest benchmarks --benchmark-columns=median,rounds --benchmark-json=benchmarks/latest.json
	$(VENV)/bin/python benchmarks/table.py benchmarks/latest.json

wheel: env
	$(VENV)/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) dist build
