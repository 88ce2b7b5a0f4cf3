# Each target does all of its own set-up: it needs Python 3.11 or later, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

.PHONY: install demo test servers check kill soak gallery lock clean

install: $(VENV)/ready

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Broadside needs Python 3.11 or later: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: install ## a real op-ed to ten thousand invented people, into a local inbox; ONCE=1 ends by itself, KIND=newsletter sends that
	$(BIN)/broadside demo $(if $(KIND),--kind $(KIND)) $(if $(ONCE),--once)

test: install
	$(BIN)/python -m pytest -n $(or $(JOBS),3) --dist worksteal $(ARGS)

servers: install ## fetch the mail servers that tests/mailer/smtp/test_mail_servers.py sends to; running them takes root
	$(BIN)/python -m tests.mail_servers.fetching

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kill: install ## ROUNDS mailings in which workers, servers and hosts are killed, from SEED (the same again) or by chance
	$(BIN)/python -m tests.kill --rounds $(or $(ROUNDS),50) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: install ## several mailings at once for MINUTES, relays failing at random: memory flat, ledger exact
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

gallery: install ## the pictures of docs/gallery.md again (needs a Chromium)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		$$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["gallery"])')
	$(BIN)/python docs/gallery.py

lock: ## make both lock files again after a change of pyproject.toml (needs uv); the second is what an image runs on
	uv pip compile $(LOCK) --group dev pyproject.toml -o requirements.lock
	uv pip compile $(LOCK) --constraint requirements.lock pyproject.toml -o requirements-run.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
