# Every target sets itself up: a private uv, a .venv made from requirements.lock, and Pupila itself.
PYTHON ?= python3
UV := .uv/bin/uv
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
WORKERS ?= 2

# Bytecode is written even where the environment says no: the tests start hundreds of processes, which would each
# compile torch and the others.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-all check bench lock clean
.DEFAULT_GOAL := test

demo: $(STAMP)
	$(BIN)/pupila demo --out demo-out

# The guards of words and architecture are part of check.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --ignore tests/test_words.py \
	--ignore tests/test_architecture.py

test: check
	$(PYTEST) -m "not slow"

test-all: check
	$(PYTEST)

check: $(STAMP)
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_words.py

# `make bench training serving` runs these two: the words after bench are names of benchmarks, not targets.
ifeq (bench,$(firstword $(MAKECMDGOALS)))
NAMES := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(NAMES):
	@:
endif
bench: $(STAMP)
	$(BIN)/python -m benchmarks $(NAMES)

# The lock names no host: `uv pip compile` writes versions and hashes only. The images' locks are parts of it.
LOCKS := src/pupila/stages/deploy/locks
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	-c requirements.lock
lock: $(UV)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra sam --extra geo --extra heif --extra openvino --extra client --extra collect --extra label --extra s3 --extra sweep --extra compress \
		--extra ui --extra track --extra deploy --group dev pyproject.toml -o requirements.lock
	$(COMPILE) --extra s3 pyproject.toml -o $(LOCKS)/api.txt
	$(COMPILE) --extra ui pyproject.toml -o $(LOCKS)/page.txt
	$(COMPILE) --extra train --extra s3 pyproject.toml -o $(LOCKS)/train.txt
	echo 'cyclonedx-bom>=7.5' | $(COMPILE) - -o $(LOCKS)/builder.txt

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: found $$($(PYTHON) --version), wanted Python 3.11 or later. Try: make PYTHON=python3.12 test"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "error: $(PYTHON) can't make virtual environments (no ensurepip). Try: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

$(STAMP): $(UV) requirements.lock pyproject.toml
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(STAMP)

clean:
	rm -rf $(VENV) .uv .mypy_cache .ruff_cache .pytest_cache demo-out
