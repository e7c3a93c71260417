"""Hooks from data: what is wrong is told with its path; what is right does what it says."""

from __future__ import annotations

import json

import pytest

from aegispay.domain.hook_kind import HookKind
from aegispay.errors import ConfigurationError, UnknownHookError
from aegispay.hooks import Allow, Block, Hooks, PaymentContext, Prefer, Refuse
from aegispay.hooks.data import hooks_from_data, hooks_from_file
from tests import builders as b

AT_ALL = {"field": "currency", "operator": "equals", "value": "USD"}


def data(**changes):
    return {"name": "rule", "kind": "fraud_check", "when": AT_ALL, "then": {"block": "no"}} | changes


def answer(then, kind="fraud_check", when=AT_ALL):
    (hook,) = hooks_from_data([data(kind=kind, then=then, when=when)])
    return hook.call(PaymentContext(at=b.NOW, payment=b.after(b.create())))


@pytest.mark.parametrize(
    ("kind", "then", "verdict"),
    [
        ("fraud_check", {"block": "no"}, Block("no")),
        ("fraud_check", {"block": {"reason": "no", "score": 1}}, Block("no", 1)),
        ("fraud_check", {"allow": {"is_final": True}}, Allow(is_final=True)),
        ("post_validation", {"refuse": {"reason": "no", "fields": {"amount": "odd"}}}, Refuse("no", {"amount": "odd"})),
        ("routing_strategy", {"prefer": ["beta", "alpha"]}, Prefer(("beta", "alpha"))),
    ],
)
def test_where_the_condition_holds_the_verdict_is_given(kind, then, verdict):
    assert answer(then, kind) == verdict


def test_where_it_does_not_hold_nothing_is_said_against_the_payment():
    never = {"field": "currency", "operator": "equals", "value": "EUR"}
    assert answer({"block": "no"}, when=never) == Allow()
    assert answer({"prefer": ["beta"]}, "routing_strategy", when=never) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "hooks: use a list of hooks (got int)"),
        ("rules", "hooks: use a list of hooks (got str)"),
        ({"hook": []}, "hook: is not known; did you mean hooks?"),
        ([data(whenever=1)], "hooks[0].whenever: is not known; did you mean when?"),
        ([data(then={"blok": "x"})], "hooks[0].then.blok: is not known; did you mean block?"),
        ([data(then={})], "hooks[0].then: say exactly one of allow, block, review, refuse, prefer"),
        ([data(), data(then={"block": "a", "review": "b"})], "hooks[1].then: say exactly one of"),
        ([data(then={"prefer": ["beta"]})], "hooks[0].then: a fraud_check hook can say allow, block, review"),
        ([data(kind="routing_strategy")], "hooks[0].then: a routing_strategy hook can say prefer"),
        ([data(then={"block": {"reason": "x", "score": 7}})], "hooks[0].then.block.score: use a number"),
        ([data(kind="enrichment")], "hooks[0].kind"),
        ([data(when={"field": "amont", "operator": "equals", "value": 1})], "hooks[0].when.field: is not known"),
        ([data(name="Bad Name")], "hooks[0].name: use 1 to 64"),
        ([data(priority="high")], "hooks[0].priority"),
        ([data()] * 201, "hooks"),
    ],
    ids=lambda part: str(part)[:60],
)
def test_what_is_wrong_is_told_with_its_path(given, said):
    with pytest.raises(ConfigurationError) as refused:
        hooks_from_data(given)
    assert said in str(refused.value)


def test_a_file_is_named_with_what_is_wrong_in_it(tmp_path):
    path = tmp_path / "hooks.json"
    path.write_text(json.dumps({"hooks": [data(then={"block": ""})]}))
    with pytest.raises(ConfigurationError) as refused:
        hooks_from_file(path)
    assert str(path) in str(refused.value)
    path.write_text(json.dumps({"hooks": [data()]}))
    (hook,) = hooks_from_file(path)
    assert (hook.name, hook.kind, hook.is_quick, hook.closes) == ("rule", HookKind.FRAUD_CHECK, True, True)


def test_two_hooks_of_one_name_are_refused_with_the_line_of_the_second(tmp_path):
    path = tmp_path / "hooks.yaml"
    one = "{name: rule, kind: fraud_check, when: {field: currency, operator: equals, value: USD}, then: {block: no}}"
    path.write_text("\n".join(["hooks:", f"- {one}", f"- {one.replace('rule', 'other')}", f"- {one}"]))
    with pytest.raises(ConfigurationError) as refused:
        hooks_from_file(path)
    said = "hooks[2].name: hooks[0] has this name already; give each its own (got 'rule')"
    assert str(refused.value) == f"{path}:4: {said}"


def test_all_that_is_wrong_in_one_hook_is_told_at_once_each_with_its_path():
    wrong = data(name="a b", then={"block": {"reason": "", "score": 3}}, priority=1.5)
    with pytest.raises(ConfigurationError) as refused:
        hooks_from_data([wrong])
    assert [error.field for error in refused.value.errors] == [
        "hooks[0].name", "hooks[0].then.block.reason", "hooks[0].then.block.score", "hooks[0].priority",
    ]  # fmt: skip


def test_a_hook_that_is_not_enabled_is_registered_and_waits():
    hooks = Hooks(hooks_from_data([data(enabled=False)]))
    assert hooks.of(HookKind.FRAUD_CHECK) == ()
    with pytest.raises(UnknownHookError):
        hooks.named("rule", HookKind.FRAUD_CHECK)
