# One word per task. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TORCH ?= default
PYTHON_VERSION ?= 3.11
VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.lmfit-setup-$(TORCH)
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help setup quickstart test test-slow check format lock docs samples bench clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## environment in .venv with the lmfit command (TORCH=cpu for the small PyTorch)

$(STAMP): requirements.lock requirements-cpu.lock pyproject.toml scripts/setup.sh
	@TORCH=$(TORCH) PYTHON_VERSION=$(PYTHON_VERSION) bash scripts/setup.sh
	@rm -f $(VENV)/.lmfit-setup-* && touch $@

quickstart: setup ## fine-tune, evaluate and predict on the bundled sample (minutes, offline)
	@bash scripts/quickstart.sh

test: setup ## the tests, one process for each core
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -m "not slow" -n auto --dist loadfile

test-slow: setup ## the tests that take minutes
	$(PYTHON) -m pytest -m slow --timeout 3600

check: setup ## format, lint, types, layers, docs links
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) scripts/check_docs.py

format: setup ## put the code in order
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

lock: ## renew the lock files
	bash scripts/lock.sh

docs: setup ## regenerate docs/configuration.md
	$(PYTHON) -m lmfit.config.document docs/configuration.md

samples: setup ## regenerate the bundled sample data
	$(PYTHON) scripts/make_samples.py

bench: setup ## the benchmarks of docs/benchmarks.md (long)
	$(PYTHON) scripts/benchmarks/finetune_speed.py

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist build
