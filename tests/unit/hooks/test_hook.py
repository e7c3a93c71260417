"""A hook as it is declared: what makes no sense is refused with its name, the setting and the way out."""

from __future__ import annotations

import functools

import pytest

from aegispay.domain.hook_kind import HookKind
from aegispay.errors import CardDataError, ConfigurationError, UnknownHookError
from aegispay.hooks import Allow, Hook, Hooks, Moment, OnFailure, Subject

KINDS_WITH_A_CHOICE = {HookKind.FRAUD_CHECK}


def quiet(context):
    return None


def hook(**changes):
    return Hook(**({"kind": "pre_validation", "name": "h", "call": quiet} | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "hooks.name: use 1 to 64"),
        ({"name": "Große"}, "hooks.name: use 1 to 64"),
        ({"name": "-x"}, "hooks.name: use 1 to 64"),
        ({"name": "x" * 65}, "hooks.name: use 1 to 64"),
        ({"name": None}, "hooks.name: use 1 to 64"),
        ({"kind": "fraud"}, "hooks.h.kind: use one of pre_validation, post_validation"),
        ({"call": 5}, "hooks.h.call: pass a function, or an object with a method validate (got 'int')"),
        ({"call": Allow}, "hooks.h.call: pass a function, or an object with a method validate (got 'type')"),
        ({"priority": 1.5}, "hooks.h.priority: use a whole number"),
        ({"priority": True}, "hooks.h.priority: use a whole number"),
        ({"deadline_s": 0}, "hooks.h.deadline_s: use more than 0 and at most 30 seconds (got 0)"),
        ({"deadline_s": float("nan")}, "hooks.h.deadline_s: use more than 0"),
        ({"deadline_s": 31}, "hooks.h.deadline_s: use more than 0"),
        ({"deadline_s": True}, "hooks.h.deadline_s: use more than 0"),
        ({"on_failure": "maybe"}, "hooks.h.on_failure: use open or closed (got 'maybe')"),
        ({"kind": "fraud_check"}, "hooks.h.on_failure: a fraud_check hook has to declare what its failure means"),
        ({"kind": "enrichment", "on_failure": "closed"}, "hooks.h.on_failure: a enrichment hook cannot refuse"),
        ({"subject": "people"}, "hooks.h.subject: use one of payment, customer, transaction, custom"),
        ({"moment": "during"}, "hooks.h.moment: use one of before, after"),
        ({"operations": ("pay",)}, "hooks.h.operations: use create, process, capture"),
        ({"kind": "event_listener", "events": ("succeeded",)}, "hooks.h.events: use payment.initiated"),
        ({"is_quick": 1}, "hooks.h.is_quick: use True or False"),
    ],
    ids=lambda part: str(part)[:50],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(changes, said):
    with pytest.raises(ConfigurationError) as refused:
        hook(**changes)
    assert said in str(refused.value)


def test_a_card_number_as_a_name_is_not_repeated():
    with pytest.raises(CardDataError) as refused:
        hook(name="4242424242424242")
    assert "4242" not in str(refused.value)


def test_an_async_hook_needs_no_thread_so_it_cannot_be_declared_quick():
    async def slow(context):
        return None

    with pytest.raises(ConfigurationError, match="only a sync function can be quick"):
        hook(call=slow, is_quick=True)


def test_what_a_failure_means_has_a_default_that_protects_where_something_can_be_refused():
    meant = {
        kind: Hook(kind=kind, name="h", call=quiet).on_failure for kind in HookKind if kind not in KINDS_WITH_A_CHOICE
    }
    closed = {kind for kind, on_failure in meant.items() if on_failure is OnFailure.CLOSED}
    assert closed == {
        HookKind.PRE_VALIDATION, HookKind.POST_VALIDATION, HookKind.CUSTOM_VALIDATION, HookKind.LIFECYCLE,
    }  # fmt: skip
    assert Hook(kind="lifecycle", name="h", call=quiet, moment="after").on_failure is OnFailure.OPEN


def test_texts_become_what_they_name():
    made = hook(on_failure="open", subject="customer", moment="after", operations="create")
    assert (made.kind, made.on_failure, made.subject) == (HookKind.PRE_VALIDATION, OnFailure.OPEN, Subject.CUSTOMER)
    assert (made.moment, made.operations) == (Moment.AFTER, ("create",))


@pytest.mark.parametrize("kind", HookKind)
def test_an_object_is_called_by_the_method_of_its_kind(kind):
    from aegispay.hooks.kinds import RULES

    made = type("Mine", (), {RULES[kind].method: lambda self, context: context})()
    given = {"on_failure": "open"} if kind is HookKind.FRAUD_CHECK else {}
    assert Hook(kind=kind, name="h", call=made, **given).call("the context") == "the context"


def test_a_function_with_arguments_of_its_own_is_fine():
    def check(limit, context):
        return (limit, context)

    assert hook(call=functools.partial(check, 5)).call(6) == (5, 6)


# --- the registry -----------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_refused_whatever_the_kind():
    hooks = Hooks([hook()])
    with pytest.raises(
        ConfigurationError, match=r"hooks\.h\.name: there is a pre_validation hook of this name already"
    ):
        hooks.register(hook(kind="enrichment"))
    assert len(hooks) == 1


def test_what_is_no_hook_is_refused_with_the_way_out():
    with pytest.raises(ConfigurationError, match="pass a Hook, or use a decorator"):
        Hooks().register(quiet)


def test_hooks_are_asked_from_high_priority_to_low_and_in_order_of_registration():
    names = {"a": 0, "b": 5, "c": 0, "d": -1, "e": 5}
    hooks = Hooks(hook(name=name, priority=priority) for name, priority in names.items())
    assert [each.hook.name for each in hooks.of(HookKind.PRE_VALIDATION)] == ["b", "e", "a", "c", "d"]
    assert [report.name for report in hooks.list("pre_validation")] == ["b", "e", "a", "c", "d"]
    assert hooks.list(HookKind.FRAUD_CHECK) == ()


def test_all_hooks_of_a_kind_together_may_not_keep_a_payment_waiting_for_more_than_half_a_minute():
    hooks = Hooks([hook(name="a", deadline_s=20), hook(name="b", deadline_s=10)])
    with pytest.raises(ConfigurationError, match=r"hooks\.c\.deadline_s: with it, .* 30\.5 s together; 30 is the most"):
        hooks.register(hook(name="c", deadline_s=0.5))
    hooks.register(hook(name="d", kind="post_validation", deadline_s=30))
    for number in range(5):
        hooks.register(hook(name=f"ear-{number}", kind="event_listener", deadline_s=30))


def test_a_disabled_hook_is_listed_and_not_asked():
    hooks = Hooks([hook(name="a"), hook(name="b", is_enabled=False)])
    hooks.disable("a")
    hooks.enable("b")
    assert [each.hook.name for each in hooks.of(HookKind.PRE_VALIDATION)] == ["b"]
    assert [(report.name, report.is_enabled) for report in hooks.list()] == [("a", False), ("b", True)]


def test_a_removed_hook_is_forgotten_and_its_name_is_free_again():
    hooks = Hooks([hook()])
    hooks.remove("h")
    assert hooks.of(HookKind.PRE_VALIDATION) == ()
    hooks.register(hook(kind="enrichment"))
    assert [report.kind for report in hooks.list()] == [HookKind.ENRICHMENT]


@pytest.mark.parametrize("name", ["nobody", None, 5, "4242424242424242"])
def test_a_name_that_nobody_has_is_refused_with_those_there_are(name):
    hooks = Hooks([hook()])
    for change in (hooks.enable, hooks.disable, hooks.remove):
        with pytest.raises(UnknownHookError, match="there are h") as refused:
            change(name)
        assert "4242" not in str(refused.value)


def test_there_is_a_bound_to_how_many_there_may_be():
    hooks = Hooks(hook(name=f"h{number}", kind="event_listener") for number in range(200))
    with pytest.raises(ConfigurationError, match="there are 200 hooks already, the most allowed"):
        hooks.register(hook(name="one-more"))


def test_a_decorator_registers_under_the_functions_name_and_gives_the_function_back():
    hooks = Hooks()

    @hooks.fraud_check(on_failure="closed", priority=3)
    def looks_odd(context):
        return Allow()

    @hooks.event_listener("payment.succeeded")
    class Slack:
        def hear(self, context):
            return None

    assert looks_odd(None) == Allow()
    assert [(report.name, report.kind.value, report.priority) for report in hooks.list()] == [
        ("slack", "event_listener", 0),
        ("looks_odd", "fraud_check", 3),
    ]


@pytest.mark.parametrize(
    "kind",
    [
        "pre_validation", "post_validation", "routing_strategy", "enrichment", "event_listener", "metrics_collector",
        "error_handler", "custom_validation", "before", "after",
    ],
)  # fmt: skip
def test_every_kind_has_a_decorator(kind):
    hooks = Hooks()
    getattr(hooks, kind)(name="mine", deadline_s=2.5)(quiet)
    (report,) = hooks.list()
    assert (report.name, report.deadline_s) == ("mine", 2.5)
    assert report.kind.value == ("lifecycle" if kind in {"before", "after"} else kind)


@pytest.mark.parametrize(
    "kind",
    [
        "pre_validation", "post_validation", "routing_strategy", "enrichment", "event_listener", "metrics_collector",
        "error_handler", "custom_validation", "before", "after", "fraud_check",
    ],
)  # fmt: skip
def test_a_decorator_without_its_parentheses_says_so(kind):
    hooks = Hooks()
    with pytest.raises(ConfigurationError, match=rf"hooks\.{kind}: write @hooks\.{kind}\(.*\) with parentheses"):
        getattr(hooks, kind)(quiet)
    assert len(hooks) == 0


@pytest.mark.parametrize("kind", ["fraud_chek", 5])
def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(kind):
    with pytest.raises(ConfigurationError, match=r"kind: use one of pre_validation, .*, fraud_check"):
        Hooks().list(kind)


def test_who_takes_part_is_logged_when_it_changes(caplog):
    caplog.set_level("INFO", logger="aegispay.hooks")
    hooks = Hooks([hook(name="fraud", kind="fraud_check", on_failure="closed")])
    for change in (hooks.disable, hooks.disable, hooks.enable, hooks.remove):
        change("fraud")
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        (level, f"event='{event}' hook='fraud' kind='fraud_check'")
        for level, event in (
            ("INFO", "hook_registered"), ("WARNING", "hook_disabled"), ("WARNING", "hook_enabled"),
            ("WARNING", "hook_removed"),
        )
    ]  # fmt: skip


def test_whether_there_is_anybody_to_ask_follows_every_change():
    hooks = Hooks()
    nobody = hooks.interests
    hooks.register(hook(name="a", kind="custom_validation", subject="transaction"))
    hooks.register(hook(name="b", kind="custom_validation", subject="custom"))
    assert (hooks.interests.transactions, hooks.interests.requests) == (True, False)
    hooks.register(hook(name="c", kind="custom_validation", subject="customer"))
    assert hooks.interests.requests
    for name in "abc":
        hooks.disable(name)
    assert hooks.interests == nobody
    wanted = {
        "pre_validation": "requests", "enrichment": "requests", "post_validation": "payments",
        "routing_strategy": "routing", "error_handler": "errors", "event_listener": "news",
        "metrics_collector": "news", "lifecycle": "operations",
    }  # fmt: skip
    for kind, interest in wanted.items():
        hooks.register(hook(name="one", kind=kind))
        assert getattr(hooks.interests, interest), kind
        hooks.remove("one")
        assert hooks.interests == nobody
