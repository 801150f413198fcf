# Two commands on a fresh machine with Python 3.10 or newer and `ps`:
#
#   make demo     watch an optimisation run, in an AiiDA of its own
#   make test     run the tests, but for the slow, those on real servers and of the benchmarks (see SELECT)
#
# Everything goes into `.venv` and `.demo`, here in this folder. `make clean` removes both.

PYTHON ?= python3
# More than cores: many tests wait for a daemon.
WORKERS ?= 3
# `make test SELECT=slow`: those that compute for long: demonstration, notebooks, kills at every point.
# `make test SELECT=servers`: the tests on PostgreSQL, RabbitMQ and SLURM, which must be installed.
# `make test SELECT=benchmarks`: whether the benchmarks run.
SELECT ?= not slow and not servers and not benchmarks
PYTEST_ARGS ?=
CORPUS_ARGS ?=
FUZZ ?= 20000
SECONDS ?= 60
PAIR ?= sqlite
CHAOS_ARGS ?=
FAILPOINTS_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# The AiiDA daemon is started with the `verdi` that is found first on the PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Many processes are started here; without this each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test interpreters fuzz mutations corpus chaos failpoints benchmark lint docs clean

help:
	@echo 'make demo       run the example under a daemon, in a throwaway AiiDA profile'
	@echo 'make test       run the test suite'
	@echo 'make interpreters  run what needs no AiiDA under every Python (3.10 to 3.14) that is found'
	@echo 'make fuzz       run FUZZ=20000 random programs, and a quarter as many random generators, as Python does and restarted'
	@echo 'make mutations  check that the differential tests notice faults of the compiler'
	@echo 'make corpus     run the tests of CPython as workflow functions (an hour or more; some differ still)'
	@echo 'make chaos      kill and freeze workers under running workflows for SECONDS=60, on PAIR=sqlite or postgresql'
	@echo 'make failpoints kill a worker at each point where that could matter (an hour), on PAIR=sqlite or postgresql'
	@echo 'make benchmark  what compiling, a step and a child cost, and lines per room'
	@echo 'make lint       ruff and mypy'
	@echo 'make docs       build the documentation into docs/_build/html, its graphs if Graphviz is installed'
	@echo 'make clean      remove everything that the above have made'

demo: $(VENV)/.examples
	@$(BIN)/python examples/demo.py

test: $(VENV)/.tests
	@$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal -m '$(SELECT)' $(PYTEST_ARGS)

# Those on the PATH, those of pyenv, and those named in DREAMFLOW_PYTHONS=/a/bin/python:/b/bin/python
interpreters: $(VENV)/.python
	@$(BIN)/python tests/interpreters.py $(INTERPRETERS_ARGS)

# Other programs each time; the seed that is printed brings them back: `make fuzz DREAMFLOW_SEED=...`
fuzz: $(VENV)/.tests
	@DREAMFLOW_FUZZ=$(FUZZ) $(BIN)/python -m pytest -q -s tests/differential/test_fuzz.py tests/differential/test_fuzz_generators.py

# Whether the differential tests can fail: faults are put into the compiler, and must be noticed.
mutations: $(VENV)/.tests
	@$(BIN)/python -m pytest -q tests/differential/check_mutations.py

corpus: $(VENV)/.tests
	@$(BIN)/python -m tests.differential.cpython $(CORPUS_ARGS)

chaos: $(VENV)/.tests
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) --pair $(PAIR) $(CHAOS_ARGS)

failpoints: $(VENV)/.tests
	@$(BIN)/python -m tests.chaos.failpoints --pair $(PAIR) $(FAILPOINTS_ARGS)

benchmark: $(VENV)/.examples
	@for name in lines imports compiling between steps many crowd arrays children jobs kills; do $(BIN)/python benchmarks/$$name.py || exit; done

lint: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

docs: $(VENV)/.dev
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo 'open docs/_build/html/index.html'

clean:
	@rm -rf $(VENV) .venv-* .egobox030 .demo docs/_build docs/graphs/pictures .mypy_cache .pytest_cache .ruff_cache

# One environment, three sets of extras, each installed when it is first needed.
$(VENV)/.examples $(VENV)/.tests $(VENV)/.dev: $(VENV)/.%: $(VENV)/.python pyproject.toml
	@echo 'installing aiida-dreamflow[$*] into $(VENV) ...'
	@$(PIP) install --editable '.[$*]'
	@touch $@

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'aiida-dreamflow needs Python 3.10 or newer: make PYTHON=python3.12 ...'; exit 1; }
	@command -v ps > /dev/null || { echo 'AiiDA asks the program `ps` which jobs run on this machine: please install it '\
	  '(on Debian and Ubuntu: apt-get install procps)'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'Python could not make a virtual environment (on Debian and Ubuntu: apt-get install python3-venv)'; exit 1; }
	@touch $@
