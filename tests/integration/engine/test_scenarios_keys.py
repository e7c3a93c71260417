"""What readers are shown makes one key per wish to pay: never from a clock, from chance or from the number of a try."""

from __future__ import annotations

import ast

import pytest

from tests.checkout import FILES, ROOT, needs_checkout
from tests.test_docs import PYTHON

pytestmark = needs_checkout

EPHEMERAL = {
    *("time", "monotonic", "now", "today"),
    *("uuid", "uuid1", "uuid4", "random", "secrets", "token_hex"),
    *("attempt", "retry"),
}
EXAMPLES = [name for name in FILES if name.startswith("examples/") and name.endswith(".py")]
SHOWN = {name: (ROOT / name).read_text(encoding="utf-8") for name in EXAMPLES}
SHOWN |= {block.place: block.code for block in PYTHON}


def names_in(expression: ast.AST) -> set[str]:
    nodes = list(ast.walk(expression))
    plain = {node.id for node in nodes if isinstance(node, ast.Name)}
    return plain | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def unstable_keys(code: str) -> list[str]:
    """Return the keys in a program that another run of it would not make again."""
    arguments = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.keyword)]
    keys = [argument.value for argument in arguments if argument.arg == "idempotency_key"]
    return [ast.unparse(key) for key in keys if names_in(key) & EPHEMERAL]


@pytest.mark.parametrize("place", SHOWN)
def test_a_key_that_readers_are_shown_comes_from_what_is_paid_for(place):
    assert unstable_keys(SHOWN[place]) == []


def test_some_keys_are_shown():
    assert sum("idempotency_key=" in code for code in SHOWN.values()) > 5


@pytest.mark.parametrize(
    "key",
    ["f'o-{time.time()}'", "str(uuid4())", "f'{order}-{attempt}'", "f'o-{datetime.now()}'", "secrets.token_hex()"],
)
def test_a_key_from_a_clock_or_from_chance_is_noticed(key):
    assert unstable_keys(f"aegis.pay(idempotency_key={key})") != []
