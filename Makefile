# Every target sets up what it needs: a virtual environment in .venv from the locked requirements.
# the first Python that truly runs: a name on the path may be a version manager's shim for a version that is switched off
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  "$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest

.PHONY: run test check fix docs bench evidence lock lock-clients vendor wheel wheel-check clean help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Parcae needs Python 3.11 or newer with venv; install it (Debian: python3 python3-venv) or run: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) from requirements/dev.txt (once; about a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(VENV)/.ready  ## find the fault in the bundled example, then let an organisation on a plan survey it; no key
	@$(BIN)/parcae locate examples/ledgerbook tests/test_ledger.py::test_closing_balance \
	  --models builtin:small,builtin:large --samples 10 --swap parallel@4 --budget 0.50 --html out/locate.html
	@echo
	@rm -rf out/survey && work=$$(mktemp -d) && cp -R examples/ledgerbook/. $$work && $(BIN)/parcae run \
	  "Survey this code base" --workspace $$work --plan examples/plans/organisation.toml --out out/survey \
	  --html out/run.html; code=$$?; rm -rf $$work; exit $$code

test: $(VENV)/.ready  ## run the tests
	@$(PYTEST) -n 2 --dist loadfile

check: $(VENV)/.ready  ## formatting, lint, types, layers
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: $(VENV)/.ready  ## repair what tools can repair
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

docs: $(VENV)/.ready  ## build the documentation site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.ready  ## speed of the hot paths, beside the peers
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

evidence: $(VENV)/.ready  ## the long form of every figure that experiments/LOG.md quotes
	@$(BIN)/python experiments/evidence.py

lock:  ## renew requirements/*.txt (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements/run.txt
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
	@$(PYTHON) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['text'], sep='\n')" \
	  | uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c requirements/dev.txt - -o requirements/text.txt

lock-clients:  ## renew tests/clients/requirements.txt (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url tests/clients/requirements.in -o tests/clients/requirements.txt

vendor:  ## renew the dashboard's one vendored file (needs npm)
	@mkdir -p out/vendor && cd out/vendor && npm pack --silent htm@3.1.1 >/dev/null && tar xzf htm-3.1.1.tgz \
	  && cp package/preact/standalone.module.js ../../src/parcae/web/static/preact.js

wheel: $(VENV)/.ready  ## build dist/*.whl
	@rm -rf dist && $(BIN)/python -m build --wheel --no-isolation --outdir dist . >/dev/null

wheel-check: wheel  ## install the wheel into an empty environment and run the main job there
	@rm -rf out/empty && $(PYTHON) -m venv out/empty
	@out/empty/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@out/empty/bin/pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	@cd out && empty/bin/parcae --version && empty/bin/parcae doctor && empty/bin/parcae locate ../examples/ledgerbook \
	  tests/test_ledger.py::test_closing_balance --home home --samples 3 --json > wheel.json

clean:  ## remove what the other targets made
	@rm -rf $(VENV) dist site out
