# make demo   from a fresh clone to sampled digits        make test   lint, types and tests
# make bench  how long good pictures take on this machine, and how fast they are drawn: 3 to 5 minutes
# make docs   the documents as a site in build/site       make notebooks   docs/*.py as notebooks in build/notebooks
# make dist   sdist and wheel in dist                     make lock   constraints.txt, by way of uv.lock; needs uv
# make page   the types of the lab's JavaScript; needs Node.js, which nothing else does
# Needs make and Python 3.11 or newer with venv and pip; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
NOTEBOOKS := $(patsubst docs/%.py,build/notebooks/%.ipynb,$(wildcard docs/*.py))
UV ?= uv

.PHONY: demo test check bench docs page notebooks dist lock clean

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

docs: .venv/.installed-docs
	@rm -rf build/site
	$(BIN)/python -m sphinx -q -W --keep-going -c docs/site -d build/doctrees . build/site
	$(BIN)/python scripts/check_site.py build/site
	@echo "look at:  build/site/index.html"

page:
	npx --yes -p typescript@7.0.2 tsc -p src/inkbloom/lab/page/jsconfig.json

notebooks: $(NOTEBOOKS)

build/notebooks/%.ipynb: docs/%.py .venv/.installed-dev
	@mkdir -p $(@D)
	$(BIN)/jupytext --quiet --to ipynb --output $@ $<

dist: .venv/.installed-dev
	$(BIN)/python -m build --no-isolation

lock:
	$(UV) lock
	@mkdir -p build
	@sed -n '/^#/p' constraints.txt > build/constraints.txt
	$(UV) export --frozen --all-extras --no-hashes --no-emit-project --no-annotate --no-header >> build/constraints.txt
	@mv build/constraints.txt constraints.txt

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

.venv/.installed-docs: .venv/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

clean:
	rm -rf .venv build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
