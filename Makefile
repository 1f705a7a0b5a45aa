# The two commands to start with: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
JOBS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
COMPILED := .venv-compiled
COMPILED_STAMP := $(COMPILED)/.installed

.PHONY: help demo test lint types bench compiled compiled-test judges torture clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "streamkit needs Python 3.11 or later: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'

$(STAMP): $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --group dev
	@touch $@

$(COMPILED_STAMP): $(DEV_STAMP) $(shell find streamkit -name '*.py') setup.py compiled_modules.txt
	$(BIN)/python tests/support/compiled_suite.py install $(COMPILED)
	@touch $@

demo: $(STAMP)  ## the main job on real data: broker, feed, joins, windows, a table at the end
	$(BIN)/python -m examples.nyc_flights.demo $(DEMO_ARGS)

test: $(DEV_STAMP)  ## the test suite
	$(PYTEST) -m 'not kafka and not slow and not torture' $(TEST_ARGS)

lint: $(DEV_STAMP)  ## format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV_STAMP)  ## mypy strict on package, examples, bench and tests; pyright on the typing tests
	$(BIN)/mypy
	MYPYPATH=.:tests/support $(BIN)/mypy --explicit-package-bases --namespace-packages examples bench tests
	$(BIN)/pyright tests/typing

compiled: $(COMPILED_STAMP)  ## a compiled wheel, in an environment of its own

compiled-test: $(COMPILED_STAMP)  ## the same tests on a compiled wheel, outside the checkout
	$(BIN)/python tests/support/compiled_suite.py test $(COMPILED) -n $(JOBS) --dist loadfile $(TEST_ARGS)

judges: $(DEV_STAMP)  ## the slower tests: Apache Kafka and its clients, kill -9, fuzzing (Java 17, Maven, Go, Node.js)
	$(PYTEST) -m '(kafka or slow) and not torture' $(TEST_ARGS)

torture: $(DEV_STAMP)  ## kill -9 of the broker under load, again and again
	$(BIN)/python -m pytest -m torture $(TEST_ARGS)

bench: $(COMPILED_STAMP)  ## speed beside Kafka Streams and librdkafka in the same run (Java 17 and Maven)
	$(BIN)/python -m bench $(BENCH_ARGS)

clean:  ## remove what the commands above made
	rm -rf $(VENV) $(COMPILED) build dist .demo *.egg-info tests/java/target tests/go/target tests/node/target tests/node/node_modules tests/clients/target
