# make lab: install the course and open it · make data: get the real data (optional)
# make test: prove it · make rehearsal: grade a whole class · make notebooks: rebuild what changed · make tables: renew the
# pages' tables · make bench: measure · make site: the course as a website, in _site/
# make mutants: change every solution of the exercises in every place, and see which changes nobody notices
# make range: run all notebooks with the oldest, a middle and the newest versions of the libraries, an hour or more
# make lock: renew the exact versions and checksums of everything that is installed, for all systems and Pythons
# On Linux, `make lab TORCH=cpu` installs PyTorch without its GPU part and saves 5 GB.

PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := $(BIN)/python -m pip install $(if $(TORCH),--extra-index-url https://download.pytorch.org/whl/$(TORCH))
UV := $(BIN)/python -m uv pip
LOCK := $(UV) compile --universal --python-version 3.11.5 --generate-hashes --no-annotate --no-emit-index-url \
	--no-emit-find-links --no-emit-package course-utils --custom-compile-command "make lock" --upgrade --quiet
# uv installs what is locked, in seconds where pip takes minutes; a PyTorch of another kind is not in the lock
install = $(if $(TORCH),$(PIP) -r $(1).txt,$(UV) install --require-hashes -r $(1).lock && $(UV) install --no-deps \
	-e . || (echo "uv could not install it; pip tries" && $(PIP) -r $(1).txt))

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

range: .venv/author
	$(BIN)/python tools/versions.py; found=$$?; $(BIN)/python tools/tables.py && exit $$found

site: .venv/author
	$(BIN)/python tools/make_site.py

bench: .venv/author
	$(BIN)/python benchmarks/run.py
	$(BIN)/python tools/tables.py

clean:
	rm -rf .venv .range .pytest_cache .ruff_cache .mypy_cache _site runs *.egg-info

.venv/learner: requirements.txt requirements.lock constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	@echo "Fetching $(if $(TORCH),1 GB,3 GB) and unpacking $(if $(TORCH),2 GB,7 GB) into .venv, once"
	@$(if $(TORCH),,[ "$$(uname)" != Linux ] || command -v nvidia-smi >/dev/null || \
		echo "No NVIDIA driver was found: 1 and 2 GB are enough with  make $(or $(MAKECMDGOALS),lab) TORCH=cpu")
	$(BIN)/python -m pip install --quiet uv
	$(call install,requirements)
	touch $@

.venv/author: requirements-dev.txt requirements-dev.lock .venv/learner
	$(call install,requirements-dev)
	touch $@

lock:
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) requirements.txt -o requirements.lock
	$(LOCK) requirements-dev.txt -o requirements-dev.lock

.PHONY: lab test rehearsal notebooks tables mutants data range site lock bench clean
