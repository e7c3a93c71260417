"""Hooks without code: a condition and a verdict, from Python, YAML, TOML or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from aegispay.data_files import read_data_file
from aegispay.domain.card_data import shown
from aegispay.domain.conditions import AnyCondition, Subject, compile_condition
from aegispay.domain.hook_kind import HookKind
from aegispay.domain.settings_errors import Checked, field_errors
from aegispay.errors import ConfigurationError, FieldError, ValidationError
from aegispay.hooks.contexts import PaymentContext
from aegispay.hooks.hook import Hook, check_name
from aegispay.hooks.kinds import RULES, OnFailure
from aegispay.hooks.registry import HOOKS_MAX
from aegispay.hooks.verdicts import Allow, Block, Prefer, Refuse, Review

_HINT = "Correct the named hooks; docs/hooks.md shows what a hook from data can say."


def _words(given: Any) -> Any:
    return {"reason": given} if isinstance(given, str) else given


def _name(given: str) -> str:
    try:
        check_name(given)
    except ConfigurationError as error:
        raise ValueError(error.errors[0].message) from None
    return given


def _gateways(given: Any) -> Any:
    return {"gateways": given} if isinstance(given, list | tuple) else given


def _keep_field(given: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Let a verdict say which of its fields is wrong."""
    try:
        return validate(given)
    except ValidationError as error:
        raise ValidationError([replace(each, field=f"then.{each.field}") for each in error.errors]) from None


_Field = WrapValidator(_keep_field)


class ThenData(BaseModel):
    """What a hook from data answers where its condition holds: exactly one of these.

    A reason alone can be given as a text, gateways alone as a list.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow: Annotated[Allow | None, _Field, Checked] = None
    block: Annotated[Block | None, _Field, Checked, BeforeValidator(_words)] = None
    review: Annotated[Review | None, _Field, Checked, BeforeValidator(_words)] = None
    refuse: Annotated[Refuse | None, _Field, Checked, BeforeValidator(_words)] = None
    prefer: Annotated[Prefer | None, _Field, Checked, BeforeValidator(_gateways)] = None

    @property
    def verdicts(self) -> tuple[Allow | Block | Review | Refuse | Prefer, ...]:
        """All that are given."""
        given = (self.allow, self.block, self.review, self.refuse, self.prefer)
        return tuple(verdict for verdict in given if verdict is not None)


class HookData(BaseModel):
    """A hook as data.

    Attributes:
        when: the condition, as rules have it. then: the verdict where it holds.
        priority, enabled: as for every hook.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(_name)]
    kind: Literal[HookKind.FRAUD_CHECK, HookKind.POST_VALIDATION, HookKind.ROUTING_STRATEGY]
    when: AnyCondition
    then: ThenData
    priority: int = 0
    enabled: bool = True


class _HookList(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    hooks: Annotated[tuple[HookData, ...], Field(max_length=HOOKS_MAX)]


def hooks_from_data(data: Any) -> tuple[Hook, ...]:
    """Return the hooks that data describe: a list of them, or a mapping with such a list under ``hooks``.

    Raises:
        ConfigurationError: naming every value that is wrong, with its path.
    """
    return _build(data, lambda _: "")


def hooks_from_file(path: str | Path) -> tuple[Hook, ...]:
    """Return the hooks that a YAML, TOML or JSON file describes.

    Raises:
        ConfigurationError: naming file, line where known, path, value and way out.
    """
    found = read_data_file(path)
    return _build(found.data, found.where)


def _build(data: Any, where: Callable[[Iterable[str | int]], str]) -> tuple[Hook, ...]:
    given = {"hooks": list(data)} if isinstance(data, list | tuple) else data
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            [FieldError("hooks", "use a list of hooks", type(data).__name__, where(()))], hint=_HINT
        )
    inside = 1 if given is not data else 0

    def origin(place: tuple[str | int, ...]) -> str:
        return where(place[inside:])

    try:
        parsed = _HookList.model_validate(given)
    except pydantic.ValidationError as error:
        raise ConfigurationError(field_errors(error, given, known=_known, origin=origin), hint=_HINT) from None
    wrong = [
        FieldError(f"hooks[{index}].then", message, None, origin(("hooks", index, "then")))
        for index, hook in enumerate(parsed.hooks)
        if (message := _misfit(hook))
    ]
    wrong += _repeated(parsed.hooks, origin)
    if wrong:
        raise ConfigurationError(wrong, hint=_HINT)
    return tuple(_hook(hook) for hook in parsed.hooks)


def _repeated(hooks: Sequence[HookData], origin: Callable[[tuple[str | int, ...]], str]) -> Iterator[FieldError]:
    first: dict[str, int] = {}
    for index, hook in enumerate(hooks):
        known = first.setdefault(hook.name, index)
        if known != index:
            message = f"hooks[{known}] has this name already; give each its own"
            yield FieldError(f"hooks[{index}].name", message, shown(hook.name), origin(("hooks", index, "name")))


def _known(place: tuple[str | int, ...]) -> tuple[str, ...]:
    match place:
        case ():
            return ("hooks",)
        case (_, _):
            return tuple(HookData.model_fields)
        case (_, _, "then"):
            return tuple(ThenData.model_fields)
        case _:
            return ()


def _misfit(hook: HookData) -> str:
    verdicts = hook.then.verdicts
    if len(verdicts) != 1:
        return "say exactly one of allow, block, review, refuse, prefer"
    if not isinstance(verdicts[0], RULES[hook.kind].verdicts):
        names = ", ".join(kind.__name__.lower() for kind in RULES[hook.kind].verdicts if kind.__name__ != "Ignore")
        return f"a {hook.kind} hook can say {names}"
    return ""


def _hook(data: HookData) -> Hook:
    holds, verdict = compile_condition(data.when), data.then.verdicts[0]
    silent = Allow() if data.kind is HookKind.FRAUD_CHECK else None

    def decide(context: PaymentContext) -> Any:
        return verdict if holds(Subject(context.request, context.at)) else silent

    return Hook(
        kind=data.kind,
        name=data.name,
        call=decide,
        priority=data.priority,
        on_failure=OnFailure.CLOSED if RULES[data.kind].may_close else OnFailure.OPEN,
        is_quick=True,
        is_enabled=data.enabled,
    )
