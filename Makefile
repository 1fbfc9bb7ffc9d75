# make demo   a high-availability cluster on this machine, in the terminal, from nothing
# make test   lint, types, unit, simulation, namespaces, gates, lab
# make check  the quick part of it
# make build  the collection's archive, with all that it needs
# make test-molecule   Molecule's scenarios on the lab and on Vagrant machines, emulated without KVM
# make test-keepalived  the move from keepalived: migration there and back, and the differential test
SHELL := /bin/bash
BIN := .venv/bin
AGENT := roles/director/files/agent
QUICK := tests/unit tests/sim
# Ansible's tools find the checkout by the collection's name, and each other.
# An older copy of the collection in the own home would be taken for it.
ANSIBLE = ANSIBLE_HOME=$(CURDIR)/.venv/ansible-home ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.venv/collections PATH=$(CURDIR)/$(BIN):$$PATH

.PHONY: demo test check lint generate build interoperability bench lab-down clean bootstrap

bootstrap:
	@tests/tools/bootstrap

# KEEP=1 leaves the lab running for you to play with; `make lab-down` ends it.
demo: bootstrap
	@$(BIN)/python tests/lab/demo.py $(if $(KEEP),--keep)

# Two workers, each with a lab of its own: hosts wait most of the time.
test: bootstrap lint
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder tests

check: bootstrap lint
	$(BIN)/python -m pytest $(QUICK)

.PHONY: test-molecule test-vagrant test-keepalived
test-molecule: bootstrap
	$(BIN)/python -m pytest -m molecule tests/molecule

test-vagrant: bootstrap
	$(BIN)/python -m pytest -m molecule tests/molecule/test_vagrant.py

# Each keepalived.conf with virtual servers of tests/lab/differential for keepalived and for the agent;
# and the migration of a cluster with a client at work, there and back.
test-keepalived: bootstrap
	$(BIN)/python -m pytest -n 2 --dist loadscope -m keepalived tests/lab

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cd $(AGENT) && ../../../../$(BIN)/mypy --config-file ../../../../pyproject.toml -p lvs_agent
	shellcheck .ci/run $$(git grep -lE '^#!.*/(ba)?sh$$|^#!.* bash$$' tests)
	$(ANSIBLE) ansible-lint --offline --profile production -q
	$(ANSIBLE) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .
	$(BIN)/antsibull-changelog lint

# The simulated cluster for as long as you like, and one seed of it with all that happened.
SIM = PYTHONPATH=$(AGENT):tests $(BIN)/python -m sim.campaign

.PHONY: sim-long sim-replay
sim-long: bootstrap
	@$(SIM) --seconds $(or $(SECONDS),600) --first-seed $(or $(FIRST_SEED),1000000)

sim-replay: bootstrap
	@$(SIM) --replay $(or $(SEED),$(error say which: make sim-replay SEED=n))

# `make test` injects half a million faults; this is the share of the quick part.
check: export SIM_FAULTS ?= 30000

# Files made from others; a test fails when they are out of date. The last one reads what the first
# has written.
generate: bootstrap
	$(BIN)/python tests/tools/generate.py
	$(BIN)/python tests/tools/conformance.py
	$(BIN)/python tests/tools/reference.py

build: bootstrap
	@$(BIN)/python tests/tools/build_collection.py

# Plays the whole matrix with keepalived and FRR, and writes docs/interoperability.md.
interoperability: bootstrap
	PYTHONPATH=$(AGENT):tests $(BIN)/python -m interop.document

# This agent beside keepalived, in turns: a table, and .lab-cache/bench.json.
bench: bootstrap
	@PYTHONPATH=$(AGENT):tests:tests/lab $(BIN)/python -m bench $(BENCH_OPTIONS)

lab-down:
	@tests/lab/lab --name demo down

clean:
	rm -rf .venv .lab-cache .mypy_cache .ruff_cache .pytest_cache
