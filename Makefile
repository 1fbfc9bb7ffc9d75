# make demo   a high-availability cluster on this machine, in the terminal, from nothing
# make test   everything: lint, types, unit, simulation, namespaces, lab
# make check  the quick part of it
SHELL := /bin/bash
BIN := .venv/bin
AGENT := roles/director/files/agent
QUICK := tests/unit tests/sim

.PHONY: demo test check lint generate lab-down clean bootstrap

bootstrap:
	@tests/tools/bootstrap

# KEEP=1 leaves the lab running for you to play with; `make lab-down` ends it.
demo: bootstrap
	@$(BIN)/python tests/lab/demo.py $(if $(KEEP),--keep)

test: bootstrap lint
	$(BIN)/python -m pytest tests

check: bootstrap lint
	$(BIN)/python -m pytest $(QUICK)

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cd $(AGENT) && ../../../../$(BIN)/mypy --config-file ../../../../pyproject.toml -p lvs_agent
	ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.venv/collections \
		PATH=$(CURDIR)/$(BIN):$$PATH ansible-lint --offline --profile production -q

# Files made from schema.py; a test fails when they are out of date.
generate: bootstrap
	$(BIN)/python tests/tools/generate.py

lab-down:
	@tests/lab/lab --name demo down

clean:
	rm -rf .venv .lab-cache .mypy_cache .ruff_cache .pytest_cache
