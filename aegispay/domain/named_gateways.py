"""Which gateways the settings name, and which of those names nobody bears."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice

from aegispay.domain.card_data import mask_card_numbers
from aegispay.domain.retry import RetryPolicy
from aegispay.domain.routing.ab_split import AbSplit
from aegispay.domain.routing.geographic import Geographic
from aegispay.domain.routing.rules import RuleBased
from aegispay.domain.routing.strategy import Strategy
from aegispay.domain.routing.weighted import Weighted
from aegispay.domain.settings_errors import Place, path

Named = tuple[Place, str]
"""Where a gateway is named, and its name."""

_SHOWN_MAX = 64


def named_gateways(
    routing: Strategy, strategies: Mapping[str, Strategy], retry: RetryPolicy, limits: Mapping[str, object]
) -> Iterator[Named]:
    """Yield every place in the settings that names a gateway."""
    yield from _by_strategy(routing, ("routing",))
    for name, strategy in strategies.items():
        yield from _by_strategy(strategy, ("strategies", name))
    for index, rule in enumerate(retry.rules):
        if rule.gateway is not None:
            yield ("retry", "rules", index, "gateway"), rule.gateway
    yield from _keys(retry.budget.gateways, ("retry", "budget", "gateways"))
    yield from _keys(limits, ("limits",))


def unknown_gateways(named: Iterator[Named], known: Collection[str], *, most: int | None = None) -> tuple[str, ...]:
    """Return one sentence for each name that no gateway bears, with the setting that names it first.

    Args:
        named: as `named_gateways` gives them.
        known: the names of the gateways there are.
        most: sentences; looking for the nearest name takes a while where there are thousands.
    """
    places: dict[str, list[Place]] = {}
    for place, name in named:
        if name not in known:
            places.setdefault(name, []).append(place)
    return tuple(_sentence(name, found, known) for name, found in islice(places.items(), most))


def _sentence(name: str, places: list[Place], known: Collection[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1)
    way_out = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{path(places[0])}{more}: no gateway is called {mask_card_numbers(name)[:_SHOWN_MAX]}; {way_out}"


def _by_strategy(strategy: Strategy, place: Place) -> Iterator[Named]:
    match strategy:
        case Weighted():
            yield from _keys(strategy.weights, (*place, "weights"))
        case Geographic():
            for where, names in strategy.gateways.items():
                yield from _items(names, (*place, "gateways", where))
        case RuleBased():
            for index, rule in enumerate(strategy.rules):
                at = (*place, "rules", index)
                yield from [] if rule.gateway is None else [((*at, "gateway"), rule.gateway)]
                yield from _items(rule.gateways or (), (*at, "gateways"))
                yield from _keys(rule.weights or {}, (*at, "weights"))
        case AbSplit():
            for index, arm in enumerate(strategy.arms):
                yield from _by_strategy(arm.strategy, (*place, "arms", index, "strategy"))
    otherwise = getattr(strategy, "otherwise", None)
    if otherwise is not None:
        yield from _by_strategy(otherwise, (*place, "otherwise"))


def _keys(named: Mapping[str, object], place: Place) -> Iterator[Named]:
    for name in named:
        yield (*place, name), name


def _items(named: tuple[str, ...], place: Place) -> Iterator[Named]:
    for index, name in enumerate(named):
        yield (*place, index), name
