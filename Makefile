# Wardlight. `make help` lists what can be made; the work itself is done by scripts/.
.DEFAULT_GOAL := help
.PHONY: attacks audit fuzz chaos sbom help demo devices test check bench pictures simulate week month sequences soak overload clean

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
SEEDS ?= 100
FIRST ?= 1
export PYTHON

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a whole ward in one process, until Ctrl-C; options by ARGS="--beds 12 --port 8090"
	@sh scripts/set-up-python requirements.lock
	@exec $(BIN)/wardlight demo $(ARGS)

devices: ## publish as devices to a running broker; options by ARGS="--beds 12 --scenario sepsis"
	@sh scripts/set-up-python requirements.lock
	@exec $(BIN)/wardlight simulate $(ARGS)

check: ## lint, types, import contract and the fast tests; needs no server, under a minute
	@sh scripts/set-up-python requirements-dev.lock
	@sh scripts/check

test: ## everything: sets up the servers the tests need, then check, simulation, integration and e2e
	@sh scripts/set-up-python requirements-dev.lock
	@sh scripts/set-up-servers
	@WARDLIGHT_TEST_THOROUGH=1 sh scripts/check
	WARDLIGHT_TEST_THOROUGH=1 $(BIN)/python -m pytest tests/attacks tests/simulation tests/integration tests/e2e

bench: ## each stage beside its floor; one of them by ARGS="recorder --json"
	@sh scripts/set-up-python requirements-dev.lock
	@exec $(BIN)/python -m benchmarks $(ARGS)

pictures: ## take the pictures of docs/pictures anew, in a real Chromium
	@sh scripts/set-up-python requirements-dev.lock
	@sh scripts/set-up-servers
	WARDLIGHT_TEST_PICTURES=1 $(BIN)/python -m pytest -m pictures tests/e2e

sbom: ## what is in this program, as CycloneDX JSON, in build/wardlight.cdx.json
	@sh scripts/set-up-python requirements.lock
	@mkdir -p build
	$(BIN)/python -m wardlight.sbom >build/wardlight.cdx.json

simulate: ## wards in storms, each decided by one seed: SEEDS=1000 FIRST=1 JOBS=2; one again, with its plan, by SEED=123
	@sh scripts/set-up-python requirements-dev.lock
	@exec $(BIN)/python -m tests.simulation.seeds --seeds $(SEEDS) --first $(FIRST) $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

audit: ## known weaknesses of what is locked, secrets in the tree, bill of materials; needs the network; one step by ARGS="secrets"
	@sh scripts/set-up-python requirements-dev.lock
	@exec sh scripts/audit $(ARGS)

fuzz: ## the API and whatever decodes bytes, with what nobody would send; longer or again by ARGS="--minutes 60 --seed 7"
	@sh scripts/set-up-python requirements-dev.lock
	@exec $(BIN)/python -m tests.attacks.fuzz $(ARGS)

attacks: ## the attacks of tests/attacks, each with its expected refusal; some of them by ARGS="-k injection"
	@sh scripts/set-up-python requirements-dev.lock
	@sh scripts/set-up-servers
	WARDLIGHT_TEST_THOROUGH=1 $(BIN)/python -m pytest tests/attacks $(ARGS)

week: ## a week of a 48-bed ward in virtual time, held against its truth; shorter by ARGS="--beds 12 --hours 24"
	@sh scripts/set-up-python requirements-dev.lock
	@exec $(BIN)/python -m tests.simulation.week $(ARGS)

month: ## 30 days of a 200-bed ward before the alert engine, with crashes, held against an oracle; shorter by ARGS="--beds 25 --days 3"
	@sh scripts/set-up-python requirements-dev.lock
	@exec $(BIN)/python -m tests.simulation.month $(ARGS)

sequences: ## 100,000 random event sequences through the alert engine, each held against its invariants; ARGS="--sequences 5000 --seed 2"
	@sh scripts/set-up-python requirements-dev.lock
	@exec $(BIN)/python -m tests.simulation.sequences $(ARGS)

chaos: ## faults on real servers under a load of known truth, 20 of each, 5 of the long ones; results add up; ARGS="--fault kill-stream --minutes 30"
	@sh scripts/set-up-python requirements-dev.lock
	@sh scripts/set-up-servers
	@exec $(BIN)/python -m tests.chaos $(ARGS)

soak: ## two hours of a whole house under load, judged for growth; shorter or at rest by ARGS="--minutes 30 --idle"
	@sh scripts/set-up-python requirements-dev.lock
	@sh scripts/set-up-servers
	@exec $(BIN)/python -m tests.soak $(ARGS)

overload: ## ten minutes at twice what this machine can do, with critical readings between; shorter by ARGS="--minutes 2"
	@sh scripts/set-up-python requirements-dev.lock
	@sh scripts/set-up-servers
	@exec $(BIN)/python -m tests.soak.overload $(ARGS)

clean: ## remove the environment and every cache; leaves data/ alone
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build
