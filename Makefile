PYTHON ?= python3
BIN := .venv/bin
SEED ?= 7

.PHONY: demo test check bench install clean

$(BIN)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[cli,speed]" --group dev
	touch $@

install: $(BIN)/.installed

demo: install  ## the main job on real input: 1,200 orders over three gateways, one of which goes down
	rm -rf demo && mkdir demo
	$(BIN)/aegispay run examples/orders.csv --database demo/payments.db --gateways examples/gateways.toml \
		--out demo/results.jsonl --expect-rejected
	$(BIN)/aegispay verify --database demo/payments.db

test: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p aegispay -p tests
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m benchmarks --seed $(SEED)

clean:
	rm -rf .venv build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
