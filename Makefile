# make demo   sets everything up and runs the whole loop on the embedded small world
# make test   sets everything up and passes the tests
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: setup demo test lint check browser clean

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

setup: $(VENV)/.ready

demo: setup
	$(BIN)/proctor demo

# Two test processes: a file's tests stay together, so that what they share is made once.
test: setup
	$(BIN)/pytest --numprocesses 2 --dist loadfile

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# What the tests of the report in a browser need, on Debian as root; they are skipped without it.
browser:
	command -v chromium || (apt-get update -q && apt-get install -q -y --no-install-recommends chromium)
	npm install --no-save --no-audit --no-fund axe-core@4

clean:
	rm -rf $(VENV) .proctor-demo node_modules
