# make lab: install the course and open it · make data: get the real data (optional)
# make test: prove it · make rehearsal: grade a whole class · make notebooks: rebuild what changed · make tables: renew the
# pages' tables · make bench: measure · make site: the course as a website, in _site/
# make mutants: change every solution of the exercises in every place, and see which changes nobody notices
# On Linux, `make lab TORCH=cpu` installs PyTorch without its GPU part and saves 5 GB.

PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
INSTALL := $(BIN)/python -m pip install $(if $(TORCH),--extra-index-url https://download.pytorch.org/whl/$(TORCH))

lab: .venv/learner
	$(BIN)/jupyter lab --config=.jupyter/jupyter_lab_config.py

test: .venv/author
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python tests/helpers/without_network.py $(BIN)/python -m pytest --numprocesses=logical --dist=loadfile \
		--no-loadscope-reorder

rehearsal: .venv/author
	$(BIN)/python -m pytest tests/rehearsal.py

notebooks: .venv/author
	$(BIN)/python tools/build.py

tables: .venv/author
	$(BIN)/python tools/tables.py

mutants: .venv/author
	$(BIN)/python tools/mutants.py

data: .venv/learner
	$(BIN)/python -m course_utils.downloads

site: .venv/author
	$(BIN)/python tools/make_site.py

bench: .venv/author
	$(BIN)/python benchmarks/run.py
	$(BIN)/python tools/tables.py

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache _site runs *.egg-info

.venv/learner: requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) -r requirements.txt
	touch $@

.venv/author: requirements-dev.txt .venv/learner
	$(INSTALL) -r requirements-dev.txt
	touch $@

.PHONY: lab test rehearsal notebooks tables mutants data site bench clean
