PYTHON ?= python3
VENV ?= .venv
BENCH := $(VENV)/bin/bench
READY := $(VENV)/.ready
FEDERATED := $(VENV)-federated

.PHONY: env federated-env run test soak lint types docs schema results page bench wheel clean

env: $(READY)

# The constraints pin every package to the version the tests passed with.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,loggers]'
	touch $@

# Flower needs older versions of some packages than the rest: its own come first, what it doesn't
# have is that of the environment above.
federated-env: $(FEDERATED)/.ready

define BESIDE
import pathlib, sys, sysconfig
also = pathlib.Path(sysconfig.get_path("purelib"), "beside.pth")
also.write_text(f"import site; site.addsitedir({sys.argv[1]!r})\n")
endef
PACKAGES = import sysconfig; print(sysconfig.get_path("purelib"))
export BESIDE PACKAGES

$(FEDERATED)/.ready: $(READY) constraints-federated.txt
	$(VENV)/bin/python -m venv --clear --without-pip $(FEDERATED)
	$(FEDERATED)/bin/python -c "$$BESIDE" "$$($(VENV)/bin/python -c "$$PACKAGES")"
	$(VENV)/bin/python -m pip --python $(FEDERATED)/bin/python install --quiet --no-compile \
	  --constraint constraints-federated.txt 'rs-bench[federated]'
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
	$(VENV)/bin/lint-imports --no-cache --no-logo

types: env
	$(VENV)/bin/mypy

# The documentation as a site, in site/: docs/, and pages made of tasks, commands and the API. A link
# that leads nowhere is an error.
docs: env
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet
	@echo 'site/index.html; with its search: $(VENV)/bin/python -m http.server --directory site'

# The JSON Schema of run.json, from the model that reads and writes it.
schema: env
	$(VENV)/bin/python scripts/manifest_schema.py

# The runs that results/runs holds, where any are missing, and the page of all.
results: env
	$(VENV)/bin/python scripts/shipped.py

page: env
	$(BENCH) leaderboard --out leaderboard.html

bench: env
	$(VENV)/bin/python -m pytest benchmarks --benchmark-columns=median,rounds --benchmark-json=benchmarks/latest.json
	$(VENV)/bin/python benchmarks/table.py benchmarks/latest.json

wheel: env
	$(VENV)/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) $(FEDERATED) dist build site
