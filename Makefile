# `make lab` opens the course, `make test` checks everything. Each makes .venv first where it is missing.

PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# JupyterLab refuses to run as root, as one does in a container, unless told.
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
# uv installs in seconds what takes pip minutes; where it is not to be had, pip does.
INSTALL = $$($(BIN)/python -m uv --version > /dev/null 2>&1 \
	&& echo $(BIN)/python -m uv pip install --python $(BIN)/python || echo $(BIN)/python -m pip install) --quiet

.PHONY: lab test test-all coverage test-browser test-site test-colab test-teaching test-hub test-versions \
	bench site release lint links docs notebooks clean

lab: .venv/ready
	$(BIN)/jupyter lab $(ROOT) $(ARGS) notebooks/01_filter_update.ipynb

# Every cell of every notebook, the docstrings' examples, and the tests of every module. In two processes; what leans on
# each other, as the cells of a notebook do, stays in one.
test: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadscope $(ARGS)

# All that, and what takes longer: hostile arguments, drawn examples, damaged files, learners' answers.
test-all: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "" $(ARGS)

# Test everything, and say which lines and branches of cnnlab no test reaches: at least 98 % must be.
coverage: .venv/ready-to-lint
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "" --cov=cnnlab $(ARGS)

# Move every slider and open every page of the book in a real browser; Chromium must be installed, as in `apt-get install chromium`.
test-browser: .venv/ready
	@$(INSTALL) --editable ".[browser,site]"
	$(BIN)/python -m pytest tests/browser $(ARGS)

# Build the site, static files that need no server, into site/: the book, and the laboratory, which runs the pages in a
# browser. Node's npm must be installed. PYODIDE=folder takes Pyodide and its packages from there, as far as they are there.
site: .venv/ready
	@$(INSTALL) --editable ".[site]"
	$(BIN)/python tools/book.py
	$(BIN)/python tools/lab.py

# Read the book and work in the laboratory as a learner does, in a real browser, and say what a visit costs: some minutes.
test-site: .venv/ready
	@$(INSTALL) --editable ".[browser,site]"
	$(BIN)/python -m pytest -m "" -rP tests/browser/test_book.py tests/browser/test_laboratory.py $(ARGS)

# Run the notebooks as Colab does: its versions, and a package that only the setup cell installs.
test-colab: .venv/ready-to-lint
	$(BIN)/nox --session colab --error-on-missing-interpreters $(ARGS)

# Make assignments of the notebooks, and have nbgrader and Otter grade right, wrong, empty and crashing work.
test-teaching: .venv/ready-to-lint
	$(BIN)/nox --session teaching --error-on-missing-interpreters $(ARGS)

# Start a JupyterHub on loopback, have ten learners work on it at once, and say what each of them takes. Chromium as above.
test-hub: .venv/ready-to-lint
	$(BIN)/nox --session hub --error-on-missing-interpreters $(ARGS)

# Run everything on the Pythons that are here, with the oldest and the newest libraries, and in odd surroundings.
test-versions: .venv/ready-to-lint
	$(BIN)/nox $(ARGS)

# Time cnnlab beside PyTorch, JAX and the notebooks' loops, and write what comes out into docs/speed.md.
bench: .venv/ready
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python -m benchmarks $(ARGS)

# Build what an index would hold into dist/, check it, and try it as it will be installed.
release: .venv/ready-to-lint
	$(BIN)/nox --session release $(ARGS)

lint: .venv/ready-to-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet .github

# Write into the teaching pages what they take from the notebooks and the exercises.
docs: .venv/ready
	$(BIN)/python tools/docs.py

# Write the repository's address into every page's link to Colab and setup cell.
links: .venv/ready
	$(BIN)/python tools/links.py

# Run every notebook from a fresh kernel and store what it shows.
notebooks: .venv/ready
	$(BIN)/python tools/run_notebooks.py

clean:
	rm -rf .venv .nox .coverage dist site

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit('cnnlab needs Python 3.11 or later; name one: make PYTHON=python3.12' if sys.version_info < (3, 11) else 0)"
	@echo "Setting up .venv, once: this needs a network."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	@$(INSTALL) --requirement requirements.txt --editable .
	@touch .venv/ready

.venv/ready-to-lint: .venv/ready
	@$(INSTALL) --editable ".[dev]"
	@touch .venv/ready-to-lint
