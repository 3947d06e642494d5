# Two commands: `make bench` and `make test`. Each makes .venv first, from python3, pip and the locks alone.
SUITE ?= default
DATA ?=
METHOD ?= ststnet
PROTOCOL ?= megc2019
TRIALS ?= 20
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export WANDB_SILENT := true

.DEFAULT_GOAL := help
.PHONY: help setup bench tune test test-slow test-services lint typecheck layers installed smoke leaderboards leaderboards-check docs perf lock clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: SUITE=$(SUITE) (benchmark/methods/suites), DATA=folder, ARGS='more flags for mer-bench run'"
	@echo "  variables of tune: METHOD=$(METHOD) PROTOCOL=$(PROTOCOL) TRIALS=$(TRIALS)"

setup: $(READY) ## make .venv with the locked packages

# Debian's python3 may lack ensurepip: then pip from outside installs into the environment
$(READY): requirements/bootstrap.lock requirements/project.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + "; set PYTHON=...")'
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip $(VENV)
	@echo "installing the locked packages into $(VENV) (several GB with CUDA; once)"
	@$(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install -q --require-hashes -r requirements/bootstrap.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements/project.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@touch $@

bench: setup ## train and score what is missing of SUITE, then render the tables
	@status=0; $(BIN)/mer-bench run --suite $(SUITE) $(if $(DATA),--data "$(DATA)") $(ARGS) || status=$$?; \
	test $$status -gt 1 || $(BIN)/mer-bench leaderboards || status=$$?; exit $$status

tune: setup ## tune METHOD under PROTOCOL, TRIALS trials inside each fold, then render the tables
	@status=0; $(BIN)/mer-bench tune --suite $(SUITE) $(if $(DATA),--data "$(DATA)") --method "$(METHOD)" \
		--protocol "$(PROTOCOL)" --trials "$(TRIALS)" $(ARGS) || status=$$?; \
	test $$status -gt 1 || $(BIN)/mer-bench leaderboards || status=$$?; exit $$status

test: setup ## run the tests (the fast ones; `make test-slow` for the rest), a file at a time on every core
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

test-slow: setup ## run the slow tests
	@$(BIN)/python -m pytest -m slow

test-services: setup ## run the tests that start PostgreSQL (Debian: apt-get install postgresql) and Optuna's gRPC proxy
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q "greenlet>=3" "grpcio>=1.70" "protobuf>=5" "psycopg[binary]>=3.2"
	@$(BIN)/python -m pytest -m services -rs

lint: setup ## style, unused and missing dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/deptry .

typecheck: setup ## strict types
	@$(BIN)/pyright

layers: setup ## imports run one way, and nothing grew above its ceiling (tools/floors.json)
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.floors --check

installed: setup ## install the wheel into an environment of its own, and use it in an empty folder
	@$(BIN)/python -m pytest -m installed

smoke: setup ## kill a small benchmark in the middle, go on, compare with an uninterrupted one
	@$(BIN)/python -m pytest -m smoke

leaderboards: setup ## render tables and the site (leaderboards/site/index.html) from the records
	@$(BIN)/mer-bench leaderboards

leaderboards-check: setup ## fail when tables and records disagree
	@$(BIN)/mer-bench leaderboards --check

docs: export NO_MKDOCS_2_WARNING := true
docs: setup ## build the documentation (site-docs/index.html); a link that leads nowhere fails
	@$(BIN)/mkdocs build
	@echo "documentation: site-docs/index.html"

perf: setup ## measure ours beside the references
	@$(BIN)/python -m tools.perf

lock: setup ## resolve the newest allowed packages anew
	@$(BIN)/uv pip compile pyproject.toml --group dev --group docs --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -q --upgrade -o requirements/project.lock

clean: ## remove .venv and caches; records and runs stay
	rm -rf $(VENV) site-docs .pytest_cache .ruff_cache .hypothesis
