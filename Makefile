# `make lab` opens the course, `make test` checks everything. Each makes .venv first where it is missing.

PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# JupyterLab refuses to run as root, as one does in a container, unless told.
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab test test-browser test-colab bench lint links notebooks clean

lab: .venv/ready
	$(BIN)/jupyter lab $(ROOT) $(ARGS) notebooks/01_filter_update.ipynb

test: .venv/ready
	$(BIN)/python -m pytest $(ARGS)

# Move every slider in a real browser; Chromium must be installed, as in `apt-get install chromium`.
test-browser: .venv/ready
	$(BIN)/python -m pip install --quiet --editable ".[browser]"
	$(BIN)/python -m pytest tests/browser $(ARGS)

# Run the notebooks as Colab does: its versions, and a package that only the setup cell installs.
test-colab:
	$(PYTHON) tools/colab.py

# Time cnnlab beside PyTorch, JAX and the notebooks' loops, and write what comes out into the README.
bench: .venv/ready
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python -m benchmarks $(ARGS)

lint: .venv/ready-to-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Write the repository's address into every badge and setup cell.
links: .venv/ready
	$(BIN)/python tools/links.py

# Run every notebook from a fresh kernel and store what it shows.
notebooks: .venv/ready
	$(BIN)/python tools/run_notebooks.py

clean:
	rm -rf .venv .venv-colab

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit('cnnlab needs Python 3.11 or later; name one: make PYTHON=python3.12' if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch .venv/ready

.venv/ready-to-lint: .venv/ready
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch .venv/ready-to-lint
