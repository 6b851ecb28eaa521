# Everything sets itself up: `make demo` and `make test` need only Python >= 3.10, git and make.
# PYTHON=/path/to/python3 chooses the interpreter, VENV=folder the virtual environment.

VENV ?= .venv
export PYTHON VENV
RUN := $(VENV)/bin/python
PYTEST_ARGS ?=
# Two processes share the tests; PYTEST_ARGS=-n0 takes one.
PARALLEL := -n 2 --dist loadgroup

.PHONY: help demo test test-all test-install dist test-bare test-peers soak
.PHONY: bench bench-voice bench-server bench-phone bench-page check docs serve clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## a spoken conversation with the embedded server; writes out/conversation.wav
	@scripts/setup.sh demo
	@$(RUN) samples/demo.py

test: ## run the tests; PYTEST_ARGS="-k name" passes options to pytest
	@scripts/setup.sh test
	$(RUN) -m pytest $(PARALLEL) $(PYTEST_ARGS)

test-all: ## run the tests on every Python from 3.10 to 3.13 that is here
	@scripts/test_all.sh $(PYTEST_ARGS)

test-install: ## install into a throw-away environment, first without extras; run README's programs
	@scripts/test_install.sh

dist: ## build sdist and wheel into dist/, check both, install the wheel and run README's programs
	@scripts/setup_dist.sh
	@.venvs/dist/bin/python scripts/dist.py

test-bare: ## every command of README.md and docs/ on a bare Debian; needs root and debootstrap
	@scripts/setup.sh demo
	@PYTHONPATH=tests/support $(RUN) tests/bare $(SYSTEMS)

test-peers: ## published clients (Node, pipecat, livekit, LiteLLM) against the embedded server
	@scripts/setup.sh test
	@scripts/setup_peers.sh
	REALTIME_SYNC_PEERS=1 $(RUN) -m pytest tests/peers $(PYTEST_ARGS)

soak: ## memory of the embedded server: idle sessions, crowds, 1,200 turns; SOAK=--help lists options
	@scripts/setup.sh test
	@PYTHONPATH=tests/support $(RUN) tests/support/server_soak.py $(SOAK)

bench: ## our client and others side by side; BENCH="receive send" runs parts, BENCH=--help lists them
	@scripts/setup.sh test
	@scripts/setup_bench.sh
	@PYTHONPATH=tests/support .venvs/bench/bin/python tests/benchmarks $(BENCH)

bench-voice: ## latency of interruptions and CPU of a conversation, on a virtual sound card
	@scripts/setup.sh test
	@PYTHONPATH=tests/support $(RUN) tests/benchmarks/voice_bench.py $(BENCH)

bench-server: ## how long others wait for one client's burst, and what long answers cost
	@scripts/setup.sh test
	@PYTHONPATH=tests/support $(RUN) tests/benchmarks/server_bench.py $(BENCH)

bench-phone: ## 20 telephone calls at once through one core: lateness of frames, CPU and memory
	@scripts/setup.sh test
	@PYTHONPATH=tests/support $(RUN) tests/benchmarks/phone_bench.py $(BENCH)

bench-page: ## what a talk costs the voice page's server, under gunicorn
	@scripts/setup.sh test
	@PYTHONPATH=tests/support:. $(RUN) tests/benchmarks/page_bench.py $(BENCH)

check: ## ruff, mypy and shellcheck
	@scripts/setup.sh test
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(VENV)/bin/shellcheck scripts/*.sh tests/bare/*.sh .ci/run

docs: ## build the documentation into build/site, from docs/ and the docstrings
	@VENV=.venvs/docs scripts/setup.sh docs
	@.venvs/docs/bin/python scripts/build_docs.py
	@echo "build/site/index.html"

serve: ## run the embedded server; ARGS="--port 8080" passes options to it
	@scripts/setup.sh demo
	@$(VENV)/bin/realtime-sync serve $(ARGS)

clean: ## remove the virtual environments and everything that was built
	rm -rf .venv .venvs build dist out *.egg-info .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find realtime_sync tests samples -name __pycache__ -type d -prune -exec rm -rf {} +
