# Two commands are all it takes: `make run` (the main job) and `make test` (the tests). Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint docs sbom lock clean campaign campaign-guard campaign-evidence campaign-prove campaign-mutants campaign-bugs bench

run: $(VENV)/.run-ready
	@$(BIN)/rig run test_plans/flow_accuracy.plan.toml test_plans/bolus.plan.toml --bench fixtures/simulated.bench.toml

test: $(VENV)/.test-ready lint docs
	$(BIN)/python -m pytest tests --numprocesses=2 --dist=loadfile

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation as a site, in build/docs. A dead link or a page that nothing leads to is an error.
docs: $(VENV)/.test-ready
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs 2 -d build/doctrees docs build/docs

$(VENV)/bin/python:
	@echo "Once: packages are installed into $(VENV), half a minute on a fast line, minutes on a slow one."
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.test-ready: requirements-test.lock $(VENV)/.run-ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

# Long seeded campaigns, not part of `make test`.
campaign: $(VENV)/.test-ready
	$(BIN)/python -m pytest tests -m campaign

# Faults against guard and lock, an hour; writes docs/reference/fault-campaign.md. Leave the machine alone meanwhile.
campaign-guard: $(VENV)/.test-ready
	$(BIN)/python -m pytest tests/guard/test_campaign.py -m campaign -s

# Faults against the evidence, half an hour; writes docs/reference/evidence-campaign.md.
campaign-evidence: $(VENV)/.test-ready
	$(BIN)/python -m pytest tests/record/test_evidence_campaign.py -m campaign -s

# Every shipped plan against every fault, an hour or more; writes test_plans/*.proof.json, docs/reference/fault-catching.md.
campaign-prove: $(VENV)/.test-ready
	$(BIN)/python -m pytest tests/campaigns/test_fault_catching.py -m campaign -s

# Speed beside the peers, about ten minutes; writes docs/reference/speed.md. ROWS="pty trumpet": only these, nothing
# is written. Leave the machine alone meanwhile.
PEERS := bluesky openhtf testerkit hardpy

bench: $(VENV)/.test-ready $(PEERS:%=.venv-bench/%/.ready)
	@$(BIN)/python -m benchmarks $(ROWS)

.venv-bench/%/.ready: benchmarks/peers/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Does a test fail for every slip of the hand in the code of guard, interlock, journal and verdicts? An hour or more;
# what was found is kept in build/mutants. Writes docs/reference/mutation.md.
campaign-mutants: $(VENV)/.test-ready
	$(BIN)/python tests/mutation/run_mutants.py

# Does a test fail for each of some forty bugs all along the way from plan to report? Writes
# docs/reference/deliberate-bugs.md.
campaign-bugs: $(VENV)/.test-ready
	$(BIN)/python tests/mutation/run_bugs.py

# Renew the pins (needs pip-tools in the environment).
lock:
	$(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra test -c requirements.lock -o requirements-test.lock pyproject.toml
	$(BIN)/python docs/make_reference.py  # the versions that were tested, and the table of parts

# The parts of an installation with their licences (CycloneDX), from an environment that holds nothing else. At each release.
CYCLONEDX := cyclonedx-bom==7.5.0
sbom:
	rm -rf build/sbom && $(PYTHON) -m venv build/sbom/parts && $(PYTHON) -m venv build/sbom/tool
	build/sbom/parts/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	build/sbom/parts/bin/python -m pip install --quiet --no-deps .
	build/sbom/parts/bin/python -m pip uninstall --quiet --yes pip setuptools
	build/sbom/tool/bin/python -m pip install --quiet $(CYCLONEDX)
	build/sbom/tool/bin/cyclonedx-py environment --output-reproducible --short-PURLs --mc-type application \
	    --pyproject pyproject.toml --of JSON -o build/sbom.cdx.json build/sbom/parts/bin/python

clean:
	rm -rf $(VENV) build dist *.egg-info
