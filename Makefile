# Every target sets up what it needs: Python 3.11 or newer and make are all that has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo_output

.PHONY: demo test lint embedded embedded-eval archive stages overhead media-set kill-test clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(shell $(PYTHON) -c "import re;print(re.search(r'^torch==\S+', open('constraints.txt').read(), re.M)[0])")
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY)  ## French subtitles for the sample archive, beside what was spoken
	$(BIN)/python -m ray_apps.demo --out $(DEMO)

test: $(READY) lint  ## lint, types, layers and the whole test suite
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

embedded: $(READY)  ## train the embedded checkpoint again (hours); into .work/
	$(BIN)/python -m b200_kernels.embedded.recipe.train --work .work/embedded

embedded-eval: $(READY)  ## measure the embedded checkpoint on sentences and voices it never met
	$(BIN)/python -m b200_kernels.embedded.evaluate --json .work/embedded-eval.json

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info
