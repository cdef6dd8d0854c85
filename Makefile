# Customer Hub. Needs Debian or Ubuntu with Python 3.11+, git and make; everything else is fetched into .venv.
PYTHON_ENV := .venv/bin/python
# Tests at a time: two more than there are cores, because many wait for a server or a clock.
JOBS := $(shell expr $$(nproc) + 2)
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env env-dev run test test-fast soak check bench format

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env:  ## Prepare the environment (.venv) and nothing else
	@deploy/prepare base

env-dev:
	@deploy/prepare dev

run: env  ## Run the whole hub: database, web, workers, scheduler (PORT, HUB_DATA_DIR, DATABASE_URL, REDIS_URL)
	@exec $(PYTHON_ENV) -m flask --app app up

test: env-dev  ## Run all tests: SQLite, PostgreSQL, Chromium (ARGS= goes to pytest, JOBS= is how many at a time)
	@deploy/test-servers
	@exec $(PYTHON_ENV) -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder $(ARGS)

test-fast: env-dev  ## Run what is quick: no browser, no processes, SQLite only
	@exec $(PYTHON_ENV) -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder -m "not browser and not slow" \
		-k "not postgresql" --ignore tests/jobs --ignore tests/test_package.py $(ARGS)

soak: env-dev  ## Let many work at once until something breaks (ARGS="--seconds 600 --people 8 --postgresql")
	@exec $(PYTHON_ENV) -m tests.processes.soak $(ARGS)

check: env-dev  ## Check style, types and import directions
	@$(PYTHON_ENV) -m ruff check .
	@$(PYTHON_ENV) -m ruff format --check .
	@$(PYTHON_ENV) -m mypy
	@.venv/bin/lint-imports
	@$(PYTHON_ENV) deploy/check_code.py
	@$(PYTHON_ENV) deploy/find_unused.py

bench: env-dev  ## Measure speed on synthetic customers (ARGS=--quick for 20,000 only)
	@exec $(PYTHON_ENV) -m bench $(ARGS)

format: env-dev  ## Format the code
	@$(PYTHON_ENV) -m ruff check --fix .
	@$(PYTHON_ENV) -m ruff format .
