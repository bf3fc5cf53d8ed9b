# What there is to do here; `make` alone prints it. Needs Python 3.11 or newer, and make.

# The first that runs and is new enough: a name alone may be an old Python's, or a version manager's for none.
FITS := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(or $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$name -c '$(FITS)' 2>/dev/null && echo $$name && break; done),python3)
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --all-extras --group build pyproject.toml
# Processes that share the tests, a file each at a time: more than there are cores for calls, which are much
# waiting; as many for what needs no real ones.
SHARED := --dist loadfile --no-loadscope-reorder
PARALLEL := --numprocesses 3 $(SHARED)

.DEFAULT_GOAL := help
.PHONY: help run demo install install-dev quick test floors check format docs rows bench lock clean

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: install ## Start the service with the embedded defaults (Ctrl-C drains and stops)
	@exec $(BIN)/offhook serve $(ARGS)

demo: install ## Place one real call to the demo number and print the conversation
	@exec $(BIN)/offhook demo $(ARGS)

install: ## Make .venv with the offhook command in it
	@$(PYTHON) scripts/install.py

install-dev: ## Make .venv with the developers' tools too
	@$(PYTHON) scripts/install.py --dev

quick: install-dev ## Run what needs no foreign programs and takes no seconds: a minute and a half
	@$(BIN)/pytest --numprocesses auto $(SHARED) -m "not foreign and not slow" --ignore tests/end_to_end $(ARGS)

test: install-dev ## Run every test (installs the Debian packages they need when it may)
	@scripts/test-packages
	@$(BIN)/pytest $(PARALLEL) $(ARGS)

check: install-dev ## Lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

floors: install-dev ## Hold each room to its floor of coverage, as .ci/run does
	@scripts/test-packages
	@$(BIN)/pytest $(PARALLEL) --floors --ignore tests/end_to_end

format: install-dev ## Put the code into its one shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install-dev ## Write the generated pages again
	@for page in settings compatibility reference turns; do $(BIN)/python scripts/$$page.py; done

rows: install-dev ## Call a node for each row of docs/rows.toml, and write docs/rows.md
	@scripts/test-packages
	@$(BIN)/pytest --rows

bench: install-dev ## Measure what docs and README quote
	@exec $(BIN)/python -m benchmarks $(ARGS)

lock: install-dev ## Compile both lock files anew from pyproject.toml (UPGRADE=--upgrade for newest versions)
	$(BIN)/pip --disable-pip-version-check install --quiet uv
	$(LOCK) $(UPGRADE) --output-file requirements.lock
	$(LOCK) $(UPGRADE) --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## Remove what was made, except data/
	rm -rf .venv .generators .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist .coverage
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
