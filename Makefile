# Needs Python 3.11 or newer, make and a package index. Everything else lands in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# The isolation of stores once more, with PgBouncer in transaction mode between the tools and the database.
THROUGH_POOLER := $(addprefix tests/,$(addsuffix .py,$(addprefix security/test_, \
	tampering forgery_and_replay oracles oracles_of_tools chaos) sql/test_row_level_security tools/test_tenancy))

# Debian 13 with PostgreSQL 17, the oldest version that the server accepts, and what is tested on it.
POSTGRESQL_17 := $(CURDIR)/.postgresql-17
ON_POSTGRESQL_17 := $(addprefix tests/,sql tools security imports backup upgrade/test_postgresql_17.py)

.DEFAULT_GOAL := help
.PHONY: help run test test-security test-operations test-protocol test-postgresql-17 check format bench clean

help:
	@echo "make run     serve the demo retailer at http://127.0.0.1:8000/mcp"
	@echo "make test    run the test suite (make test ARGS='-k audit')"
	@echo "make test-security  the long randomised attacks on the isolation of stores"
	@echo "make test-operations  docs/operations.md followed word for word, and upgrades under load"
	@echo "make test-protocol  the official conformance suite and the Inspector; needs npx"
	@echo "make test-postgresql-17  the tests of the database on PostgreSQL 17, and its move to 18; needs root, mmdebstrap"
	@echo "make check   formatting, lint, types, import rules, generated docs, workflows"
	@echo "make format  rewrite files as make check wants them"
	@echo "make bench   measure (see bench/README.md)"
	@echo "make clean   remove .venv, .postgresql-17 and .docker-engine"

run: $(INSTALLED)
	@exec $(BIN)/python -m server

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-security: $(INSTALLED)
	$(BIN)/python -m pytest -n auto -m chaos tests/security tests/scaling $(ARGS)
	$(BIN)/python -m pytest -n auto -m 'chaos or not chaos' --pgbouncer $(THROUGH_POOLER) $(ARGS)

test-operations: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile -m operations tests/operations tests/upgrade $(ARGS)

test-protocol: $(INSTALLED)
	@command -v npx >/dev/null || \
		{ echo "npx is needed: it comes with Node.js and npm, of any version that is still maintained."; exit 1; }
	$(BIN)/python -m pytest -m protocol tests/protocol $(ARGS)

test-postgresql-17: $(INSTALLED)
	scripts/make_postgresql_root.sh $(POSTGRESQL_17)
	RETAIL_TEST_POSTGRESQL_ROOT=$(POSTGRESQL_17) \
		$(BIN)/python -m pytest -n auto --dist loadfile $(ON_POSTGRESQL_17) $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m docs.generate

bench: $(INSTALLED)
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) $(POSTGRESQL_17) .docker-engine

# One set of pinned versions for everybody; anew whenever the pins change.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
