"""Which hooks there are: `aegis.hooks`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aegispay.domain.card_data import shown
from aegispay.domain.hook_kind import HookKind
from aegispay.errors import ConfigurationError, FieldError, UnknownHookError
from aegispay.hooks.decorators import HookDecorators
from aegispay.hooks.hook import KIND_DEADLINE_MAX_S, Hook, wrong_hook
from aegispay.hooks.interests import Interests, interests_of
from aegispay.hooks.kinds import TOLD, Moment
from aegispay.hooks.registered import HookReport, Registered
from aegispay.log import logger

HOOKS_MAX = 200
"""More are a mistake: something registers in a loop."""


class Hooks(HookDecorators):
    """The registry of hooks. Changes take effect at the next time a hook would be asked; calls under way go on.

    Attributes:
        interests: what the enabled hooks are interested in.
        failing: says of a call why it is to fail on purpose, or nothing; for tests.
    """

    def __init__(self, hooks: Iterable[Hook] = (), *, failing: Callable[[Hook], str] | None = None) -> None:
        self.failing = failing
        self._known: dict[str, Registered] = {}
        self._enabled: dict[HookKind, tuple[Registered, ...]] = {}
        self.interests = Interests()
        self._registrations = 0
        for hook in hooks:
            self.register(hook)

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"<Hooks {len(self._known)}>"

    def __len__(self) -> int:
        """Return how many are registered."""
        return len(self._known)

    def register(self, hook: Hook) -> Hook:
        """Add a hook, and return it.

        Raises:
            ConfigurationError: one of that name is registered, there are too many, or those of its kind could keep a
                payment waiting for more than 30 seconds in all.
        """
        if not isinstance(hook, Hook):
            raise ConfigurationError(
                [FieldError("hooks", "pass a Hook, or use a decorator such as hooks.fraud_check", type(hook).__name__)],
                hint="Wrap it in Hook(...).",
            )
        known = self._known.get(hook.name)
        if known is not None:
            message = f"there is a {known.hook.kind} hook of this name already; give each its own"
            raise wrong_hook(hook.name, "name", message)
        if len(self._known) >= HOOKS_MAX:
            raise wrong_hook(hook.name, "name", f"there are {HOOKS_MAX} hooks already, the most allowed")
        self._refuse_long_waits(hook)
        self._registrations += 1
        self._known[hook.name] = Registered(hook, self._registrations)
        self._sort(hook.kind)
        logger("aegispay.hooks").info("hook_registered", hook=hook.name, kind=hook.kind.value)
        return hook

    def remove(self, name: str) -> None:
        """Forget a hook.

        Raises:
            UnknownHookError: there is none of that name.
        """
        registered = self._find(name)
        del self._known[name]
        self._sort(registered.hook.kind)
        _log("hook_removed", registered)

    def enable(self, name: str) -> None:
        """Let a hook take part again.

        Raises:
            UnknownHookError: there is none of that name.
        """
        self._switch(name, is_enabled=True)

    def disable(self, name: str) -> None:
        """Leave a hook out, until it is enabled or the engine is opened anew. A disabled fraud check checks nothing.

        Raises:
            UnknownHookError: there is none of that name.
        """
        self._switch(name, is_enabled=False)

    def list(self, kind: HookKind | str | None = None) -> tuple[HookReport, ...]:
        """Return what is registered, by kind, and within a kind in the order in which it is asked.

        Raises:
            ConfigurationError: there is no such kind.
        """
        wanted = None if kind is None else _kind(kind)
        found = sorted(self._known.values(), key=_place)
        return tuple(each.report() for each in found if wanted in {None, each.hook.kind})

    def of(self, kind: HookKind) -> tuple[Registered, ...]:
        """Return the enabled hooks of a kind, in the order in which they are asked."""
        return self._enabled.get(kind, ())

    def named(self, name: str, kind: HookKind) -> Registered:
        """Return an enabled hook by name.

        Raises:
            UnknownHookError: there is none of that name, kind and state.
        """
        registered = self._find(name)
        if registered.hook.kind is not kind or not registered.is_enabled:
            raise UnknownHookError(f"{name} is no {kind} hook that is enabled")
        return registered

    def _find(self, name: str) -> Registered:
        found = self._known.get(name) if isinstance(name, str) else None
        if found is None:
            raise UnknownHookError(f"no hook is called {shown(name)}; there are {', '.join(self._known) or 'none'}")
        return found

    def _switch(self, name: str, *, is_enabled: bool) -> None:
        registered = self._find(name)
        if registered.is_enabled is is_enabled:
            return
        registered.is_enabled = is_enabled
        self._sort(registered.hook.kind)
        _log("hook_enabled" if is_enabled else "hook_disabled", registered)

    def _sort(self, kind: HookKind) -> None:
        found = (each for each in self._known.values() if each.hook.kind is kind and each.is_enabled)
        self._enabled[kind] = tuple(sorted(found, key=_place))
        self.interests = interests_of(self._enabled)

    def _refuse_long_waits(self, hook: Hook) -> None:
        if hook.kind in TOLD or (hook.kind is HookKind.LIFECYCLE and hook.moment is Moment.AFTER):
            return
        same = [each.hook for each in self._known.values() if each.hook.kind is hook.kind]
        total_s = hook.deadline_s + sum(each.deadline_s for each in same if each.moment is hook.moment)
        if total_s > KIND_DEADLINE_MAX_S:
            message = f"with it, {hook.kind} hooks may take {total_s:g} s together; {KIND_DEADLINE_MAX_S:g} is the most"
            raise wrong_hook(hook.name, "deadline_s", message, hook.deadline_s)


def _log(change: str, registered: Registered) -> None:
    """Leave a trace: that a check took no part for an hour has to be found afterwards."""
    logger("aegispay.hooks").warning(change, hook=registered.hook.name, kind=registered.hook.kind.value)


def _kind(given: HookKind | str) -> HookKind:
    try:
        return HookKind(given)
    except ValueError:
        message = f"use one of {', '.join(HookKind)}"
        raise ConfigurationError([FieldError("kind", message, shown(given))], hint="Correct the kind.") from None


def _place(registered: Registered) -> tuple[str, int, int]:
    return registered.hook.kind.value, -registered.hook.priority, registered.number
