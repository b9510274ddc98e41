# Two commands on a bare machine: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := pyproject.toml constraints.txt CMakeLists.txt $(wildcard native/*)

.PHONY: demo test test-arm64 lint bench clean

demo: $(STAMP)
	OMP_WAIT_POLICY=passive $(BIN)/python demo/co2.py

# As many processes as there are cores; their threads share these, and must not wait by spinning.
test: $(STAMP)
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --numprocesses auto --dist worksteal

# The core on an emulated ARM processor.
test-arm64: $(STAMP)
	tests/arm64.sh

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python benchmarks/cpu.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/dropin.py
	$(BIN)/python benchmarks/keras_program.py

# pip only: it finds the CPU build of torch that constraints.txt pins.
$(STAMP): $(SOURCES)
	@command -v $(PYTHON) >/dev/null || { echo "memcell needs Python 3.11 or newer. Install it, or name yours: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "memcell needs Python 3.11 or newer; $(PYTHON) is older. Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@command -v $(or $(CXX),g++) >/dev/null || { echo "memcell needs a C++17 compiler. Install g++ (Debian, Ubuntu: apt-get install g++) and try again."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is incomplete. Install it (Debian, Ubuntu: apt-get install python3-venv) and try again."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf build $(VENV) demo_output
