# SPDX-License-Identifier: Apache-2.0
# ARGS="..." passes arguments on; PYTHON=/path/to/python3 names the interpreter of a new .venv.
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: help demo test conformance soak bench lint clean
help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1  /p' Makefile

demo: $(VENV)/.run ## a profile into a new card through SM-DP and SM-SR, then attach to a network
	@$(BIN)/euicc demo $(ARGS)

test: $(VENV)/.test ## all tests
	@$(PYTEST) $(ARGS)

conformance: $(VENV)/.test ## docs/conformance.md from a run of its tests
	@$(PYTEST) -q --conformance -k "test_cc_ or test_atk_" $(ARGS)

soak: $(VENV)/.test ## all tests with their large counts: hours
	@EUICC_SCALE=soak $(PYTEST) --timeout 14400 $(ARGS)

bench: $(VENV)/.run ## measure against the budgets
	@$(BIN)/euicc bench $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy --strict, the imports between the folders, licence lines
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy --strict
	@report=$$($(BIN)/lint-imports --no-logo) || { echo "$$report"; exit 1; }
	@! find apdu emulator smsr smdp tools tests -name '*.py' -size +0 \
	    -exec grep -L '^# SPDX-License-Identifier: Apache-2.0$$' {} + | grep .

clean: ## remove what the others make
	@rm -rf .venv build dist *.egg-info .*_cache .hypothesis

MARKS = $(VENV)/.run $(VENV)/.test $(VENV)/.dev
$(MARKS): $(VENV)/.%: setup.cfg pyproject.toml requirements.lock scripts/setup.sh
	@PYTHON='$(PYTHON)' scripts/setup.sh $(VENV) $(filter-out run,$*)
ifdef PYTHON
.PHONY: $(MARKS)
endif
