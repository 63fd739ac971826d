# make demo   from a fresh clone to sampled digits        make test   lint, types and tests
# make bench  how long good pictures take on this machine, and how fast they are drawn: 3 to 5 minutes
# Needs make and Python 3.11 or newer with venv and pip; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo

.PHONY: demo test check bench docs clean

demo: .venv/.installed
	$(BIN)/inkbloom train fast --out $(DEMO)
	$(BIN)/inkbloom sample $(DEMO) --count 100 --history
	@echo
	@echo "look at:  $(DEMO)/samples/grid.png     100 digits"
	@echo "          $(DEMO)/samples/history.png  every step, input and prediction"
	@echo "          $(DEMO)/samples/film.gif     the same as a film"
	@echo "go on:    $(BIN)/inkbloom --help, and docs/"
	@echo
	$(BIN)/inkbloom evaluate $(DEMO)

test: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist worksteal

check: .venv/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy

bench: .venv/.installed
	$(BIN)/inkbloom bench --json build/bench/bench.json

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: inkbloom needs Python 3.11 or newer ($$($(PYTHON) --version)): make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "error: no venv module: install python3-venv"; exit 2; }
	@touch $@

.venv/.installed: .venv/.made pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
