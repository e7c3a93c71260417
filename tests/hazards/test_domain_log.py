"""Hazards of the log and of numbers: what was written once is read for ever, and no cent is a float."""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aegispay.domain.events import EventType, decode
from aegispay.domain.evolve import replay
from aegispay.domain.invariants import check
from aegispay.domain.money import Money
from aegispay.domain.payment import Payment
from aegispay.domain.state import PaymentState
from tests import builders as b
from tests.unit.domain.golden.make import HERE, shown
from tests.unit.domain.stories import STORIES, stored, told

ROOT = Path(__file__).parents[2]

# --- E5: the log is the state ---------------------------------------------------------------------------


@pytest.mark.parametrize("story", STORIES)
def test_e5_after_each_event_the_log_folds_to_the_payment_as_it_is(story):
    log = [decode(*line) for line in stored(story)]
    live = [payment for _, payment in told(story)]
    for length, payment in enumerate(live, start=1):
        assert replay(b.ID, log[:length]) == payment


@pytest.mark.parametrize("story", STORIES)
def test_e5_any_beginning_and_the_rest_of_the_log_make_the_same_payment(story):
    log = [decode(*line) for line in stored(story)]
    live = [payment for _, payment in told(story)]
    for length, payment in enumerate(live, start=1):
        assert replay(b.ID, log[length:], payment) == live[-1]


# --- E6: what older versions wrote ----------------------------------------------------------------------

GOLDEN = sorted(HERE.glob("version-*.jsonl"))


@cache
def golden(path: Path) -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """Return the kept events and the kept payment of each story."""
    stories: dict[str, tuple[list[Any], dict[str, Any]]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        events, payment = stories.setdefault(line["story"], ([], {}))
        if "payment" in line:
            payment.update(line["payment"])
        else:
            events.append(line)
    return stories


def is_kept(old: object, new: object) -> bool:
    """Return whether everything that was known is still known; later versions may know more."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and is_kept(value, new[name]) for name, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(is_kept, old, new))
    return old == new


def folded(events: list[dict[str, Any]]) -> Payment:
    read = [decode(line["type"], line["schema_version"], json.dumps(line["data"])) for line in events]
    payment = replay(b.ID, read)
    assert payment is not None
    return check(payment)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_e6_a_log_of_each_version_folds_to_the_same_payments(path):
    for story, (events, payment) in golden(path).items():
        assert is_kept(payment, shown(folded(events))), story


def test_e6_the_kept_logs_have_every_type_of_event():
    written = {line["type"] for path in GOLDEN for events, _ in golden(path).values() for line in events}
    assert written == {event_type.value for event_type in EventType}


def test_e6_a_changed_event_is_seen_to_fold_to_another_payment():
    events, payment = golden(GOLDEN[0])["lapsed"]
    changed = json.loads(json.dumps(events))
    approved = next(line for line in changed if line["type"] == "payment.authorized")
    approved["data"]["amount_minor"] -= 1
    assert is_kept(payment, shown(folded(events)))
    assert not is_kept(payment, shown(folded(changed)))


LATER_FIELDS = {"key", "is_rest", "reason", "evidence", "detail"}


def test_e6_operations_written_before_they_had_keys_and_evidence_are_still_read():
    events, payment = golden(GOLDEN[0])["challenged, failed over, charged, refunded, disputed"]
    older = [
        {**line, "data": {name: value for name, value in line["data"].items() if name not in LATER_FIELDS}}
        if "refund_" in line["type"] else line
        for line in events
    ]  # fmt: skip
    assert older != events
    found = folded(older)
    assert (found.state, found.refunded_minor) == (PaymentState.REFUNDED, payment["refunded_minor"])


# --- G2: no float in the money path ---------------------------------------------------------------------

COSTS_FOR_RANKING = {"cost_minor"}
"""What a charge would cost is compared and shown, never moved: `Fee.cost_minor` keeps fractions on purpose."""
ESTIMATES = COSTS_FOR_RANKING | {"cost_facts", "assumed_costs_minor", "expected_value"}
"""The functions that may make such numbers."""
MAY_ESTIMATE = {
    "aegispay/domain/contract.py", "aegispay/domain/routing/value.py",
    "aegispay/domain/routing/cost.py", "aegispay/domain/routing/multi_objective.py",
    "aegispay/domain/routing/thompson.py", "aegispay/api/routing.py", "aegispay/views.py",
}  # fmt: skip
"""Where they are made, ranked by and shown; no other file can do anything with them."""


def product_files() -> list[Path]:
    folders = [ROOT / "aegispay", ROOT / "actors"]
    return [path for folder in folders for path in sorted(folder.rglob("*.py")) if not path.is_symlink()]


def names_in(node: ast.AST) -> set[str]:
    named = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return named | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def is_money(node: ast.AST) -> bool:
    return any(name.endswith("_minor") and name not in COSTS_FOR_RANKING for name in names_in(node))


def turns_to_float(node: ast.AST) -> bool:
    """Return whether this very expression makes a float: a literal, ``float(…)``, ``round(…)`` or true division."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"float", "round"}
    is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
    return is_literal or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))


def floats_of_money(node: ast.AST) -> Iterator[ast.AST]:
    """Return each expression that makes a float of an amount in minor units, or mixes one with a float."""
    if isinstance(node, ast.FunctionDef) and node.name in ESTIMATES:
        return
    if isinstance(node, ast.Call | ast.BinOp | ast.Compare) and is_money(node):
        yield from filter(turns_to_float, ast.walk(node))
        return
    for child in ast.iter_child_nodes(node):
        yield from floats_of_money(child)


@pytest.mark.parametrize("path", product_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_g2_no_amount_in_minor_units_meets_a_float(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [f"{path.name}: {ast.unparse(node)}" for node in floats_of_money(tree)] == []


def test_g2_what_a_charge_would_cost_is_known_to_routing_and_previews_only():
    found = {}
    for path in product_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        found[str(path.relative_to(ROOT))] = (names_in(tree) | defined) & ESTIMATES
    assert {path for path, names in found.items() if names} == MAY_ESTIMATE


def test_g2_money_itself_makes_no_float():
    tree = ast.parse((ROOT / "aegispay/domain/money.py").read_text(encoding="utf-8"))
    assert [ast.unparse(node) for node in ast.walk(tree) if turns_to_float(node)] == []


@pytest.mark.parametrize(
    "code", ["amount_minor / 100", "p.amount_minor * 0.1", "float(op.amount_minor)", "round(total_minor * rate)"]
)
def test_g2_the_check_sees_a_float(code):
    assert list(floats_of_money(ast.parse(f"x = {code}")))


def test_g2_amounts_of_every_payment_are_whole_numbers():
    for story in STORIES:
        for _, p in told(story):
            sums = (p.authorized_minor, p.captured_minor, p.refunded_minor, p.charged_back_minor, p.amount_minor)
            assert {type(amount) for amount in (*sums, *(o.amount_minor for o in p.operations))} == {int}


# --- G3: parts make the whole ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(50))
def test_g3_the_parts_of_an_amount_sum_to_it(seed):
    draw = random.Random(seed)
    whole = Money(draw.randint(1, 10**12), "USD")
    parts = whole.allocate([draw.randint(0, 1_000) for _ in range(9)] + [1])
    assert sum(part.amount_minor for part in parts) == whole.amount_minor, seed


@pytest.mark.parametrize("seed", range(50))
def test_g3_captures_and_refunds_in_parts_leave_no_cent_behind(seed):
    draw = random.Random(seed)
    payment = b.authorized()
    for number in range(draw.randint(1, 6)):
        amount_minor, name = draw.randint(1, 1_500), f"cap-{number}"
        done = b.recorded(name, amount_minor=amount_minor)
        payment = b.after(b.capture(amount_minor, name, is_final=False), done, payment=payment)
    rest_minor = b.AMOUNT - payment.captured_minor
    payment = b.after(b.capture(None, "rest"), b.recorded("rest", amount_minor=rest_minor), payment=payment)
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, b.AMOUNT), seed
    part_minor = draw.randint(1, b.AMOUNT - 1)
    payment = b.after(b.refund(part_minor), b.recorded("ref-1", amount_minor=part_minor), payment=payment)
    done = b.recorded("ref-2", amount_minor=b.AMOUNT - part_minor)
    payment = check(b.after(b.refund(None, "ref-2"), done, payment=payment))
    assert (payment.state, payment.refunded_minor) == (PaymentState.REFUNDED, b.AMOUNT), seed
