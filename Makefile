# Two commands: `make run` starts everything on this machine, `make test` checks everything.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test test-train check pytest page clean

run: $(VENV)/.run
	$(BIN)/zhuomu up $(ARGS)

test: check pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy bench edge detectors drone models gateway zhuomu.py
	$(BIN)/lint-imports --config setup.cfg

pytest: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

# The phone page's built files are committed; whoever changes its sources builds them again (node 20 or newer).
page:
	cd edge/handset/page && npm ci --no-audit --no-fund && npm run check && npm run build
	cd edge/handset/page && sha256sum dist/* check/vectors.js > check/built.sha256

# Comparisons with Ultralytics and the training recipe: several GB of torch, in an environment of its own.
test-train:
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python -m pip install -q -e '.[dev,train]'
	YOLO_OFFLINE=true .venv-train/bin/python -m pytest tests/train $(ARGS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than 3.11; run make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "error: $(PYTHON) has no venv; run: sudo apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: setup.cfg $(VENV)/bin/python
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.dev: setup.cfg $(VENV)/bin/python
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
