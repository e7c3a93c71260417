PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install -qq
SEED ?= 7

.PHONY: demo test check bench torture torture-chaos torture-delivery install clean

$(BIN)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --upgrade "pip>=25.1"
	$(INSTALL) --editable ".[cli,otel,prometheus,sandbox,speed,webhooks]" --group test
	touch $@

$(BIN)/.installed-checks: $(BIN)/.installed
	$(INSTALL) --group check
	touch $@

install: $(BIN)/.installed-checks  ## everything a developer needs

DEMO_RUN = $(BIN)/aegispay run examples/orders.csv --database demo/payments.db --gateways examples/gateways.toml

demo: $(BIN)/.installed  ## the main job on real input: 1,200 orders over three gateways, one of which goes down
	rm -rf demo && mkdir demo
	$(DEMO_RUN) --out demo/results.jsonl --expect-rejected
	@echo; echo "The same file again: nothing is charged twice, every row gets the same result."
	$(DEMO_RUN) --out demo/again.jsonl --expect-rejected > demo/again.log 2>&1
	cmp demo/results.jsonl demo/again.jsonl
	@echo; echo "A payment that the outage caught, and that went to another gateway:"
	$(BIN)/aegispay show --database demo/payments.db --key "$$(sed -n \
		's/.*"idempotency_key": "\([^"]*\)".*"state": "success".*"attempts": 2,.*/\1/p' demo/results.jsonl | head -n 1)"
	@echo
	$(BIN)/aegispay verify --database demo/payments.db

test: $(BIN)/.installed
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

check: $(BIN)/.installed-checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p aegispay -p tests
	$(BIN)/pyright
	$(BIN)/lint-imports

torture: $(BIN)/.installed  ## two thousand payments, every fault, thirty kills: make torture SEED=7
	$(BIN)/python -m tests.torture --seed $(SEED)

torture-chaos: $(BIN)/.installed  ## ten minutes of faults on purpose at 50 payments a second: make torture-chaos SEED=7
	$(BIN)/python -m tests.torture.chaos --seed $(SEED)

torture-delivery: $(BIN)/.installed  ## five thousand payments, twenty subscribers, five endpoints, fifty kills: make torture-delivery SEED=7
	$(BIN)/python -m tests.torture.delivery --seed $(SEED)

bench: $(BIN)/.installed
	$(BIN)/python -m benchmarks --seed $(SEED)

clean:
	rm -rf .venv build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
