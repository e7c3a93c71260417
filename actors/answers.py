"""What an adapter gives back, as an outcome that can be kept: whatever is not definite is unknown."""

from __future__ import annotations

import asyncio
import inspect
import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from aegispay.domain.card_data import contains_card_number, is_card_like_id, mask_card_numbers
from aegispay.domain.contract import GatewayContract
from aegispay.domain.outcome import (
    Approved,
    Declined,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.errors import NotSentError
from aegispay.log import logger
from aegispay.observability.binding import of_request
from aegispay.observability.lines import LineLogger
from aegispay.ports import GatewayRequest, NotFound

_OUTCOMES: tuple[type[Outcome], ...] = get_args(Outcome)
_ADAPTER: TypeAdapter[Outcome] = TypeAdapter(Outcome)
_CURRENCY = re.compile("[A-Za-z]{3}")
_REFERENCE_LENGTH_MAX = 255
_AMOUNT_MAX = 10**18
"""Minor units: more than there is money, and little enough for every database."""
_CODE_LENGTH_MAX = 100
_MESSAGE_LENGTH_MAX = 500
"""What a gateway says is kept for ever: long enough to tell, too short for a dump of its internals."""
_URL_LENGTH_MAX = 8_192
"""Characters, as browsers and servers take them."""
_PAYLOAD_LENGTH_MAX = 65_536
"""Characters: a form that sends itself fits in, a document does not."""

Answer = Outcome | NotFound
Say = Callable[[], LineLogger]
"""Makes the logger once there is something to say: what is bound to its lines costs nothing before."""


async def answer_of(
    ask: Callable[[Any], Awaitable[object] | object],
    request: GatewayRequest,
    *,
    contract: GatewayContract,
    gateway: str,
    may_be_absent: bool,
    log: LineLogger | None = None,
) -> Answer:
    """Ask an adapter and turn everything it can do into an outcome.

    Only `NotSentError` says that surely nothing happened; any other exception leaves open what did.

    Args:
        ask: the adapter's method.
        request: what to ask.
        contract: what the gateway declares about its answers.
        gateway: its name, for the log.
        may_be_absent: whether `NotFound` is an answer to what was asked.
        log: where to say what the adapter did wrong.

    Raises:
        asyncio.CancelledError: the task that waits was cancelled, by us.
    """
    say = partial(_bound, log, request, gateway)
    try:
        asked = ask(request)
        if not inspect.isawaitable(asked):
            # It has held up every other payment meanwhile, but its answer is an answer.
            say().warning("adapter_not_async", hint="use async def; run blocking code in a thread")
        answer = await asked if inspect.isawaitable(asked) else asked
    except NotSentError as error:
        return NotProcessed(reason=Reason.NOT_SENT, message=_tidy(str(error), _MESSAGE_LENGTH_MAX))
    except TimeoutError:
        return OutcomeUnknown(reason=Reason.TIMEOUT, message="the adapter gave up waiting")
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return _raised(error, say)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the request may have been carried out
        return _raised(error, say)
    if isinstance(answer, NotFound) and may_be_absent:
        return answer
    return readable(answer, contract, say)


def _bound(log: LineLogger | None, request: GatewayRequest, gateway: str) -> LineLogger:
    return (logger() if log is None else log).bind(**of_request(request), gateway=gateway)


def _raised(error: BaseException, say: Say) -> OutcomeUnknown:
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    # Never the exception's own text: it may quote what was sent.
    say().warning("adapter_raised", error=kind, where=where)
    return OutcomeUnknown(reason=Reason.CONNECTION_LOST, message=f"the adapter raised {kind}")


def readable(answer: object, contract: GatewayContract, say: Say = logger) -> Outcome:
    """Return the answer as an outcome that can be kept; what is none, or would put card data on disk, is unknown."""
    if isinstance(answer, Approved):
        return answer if _is_sound(answer) and _is_free_of_cards(answer, contract) else _unreadable(answer, say)
    if not isinstance(answer, _OUTCOMES):
        return _unreadable(answer, say)
    try:
        # Written and read back, so that what is no sound outcome shows here and not in the log of events.
        outcome = _ADAPTER.validate_json(_ADAPTER.dump_json(answer, warnings=False))
    except (ValidationError, ValueError, TypeError):
        return _unreadable(answer, say)
    if not _is_bounded(outcome) or not _is_free_of_cards(outcome, contract):
        return _unreadable(answer, say)
    return _without_card_data(outcome)


def _is_bounded(outcome: Outcome) -> bool:
    """Look at what cannot be shortened: part of an id, of an address or of a form is none."""
    match outcome:
        case Pending():
            return _is_reference(outcome.reference)
        case Duplicate():
            return outcome.reference is None or _is_reference(outcome.reference)
        case RequiresAction(reference=reference, action=action):
            is_short = len(action.url or "") <= _URL_LENGTH_MAX and len(action.payload or "") <= _PAYLOAD_LENGTH_MAX
            return is_short and _is_reference(reference)
        case _:
            return True


def _is_reference(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _REFERENCE_LENGTH_MAX and text.isprintable()


def _is_free_of_cards(outcome: Outcome, contract: GatewayContract) -> bool:
    """Look where masking would break what the text is for: the gateway's ids, and where the payer is sent."""
    match outcome:
        case Approved() | Pending() | Duplicate():
            return not _is_card_like(outcome.reference, contract)
        case RequiresAction(reference=reference, action=action):
            texts = (action.url or "", action.payload or "")
            return not _is_card_like(reference, contract) and not any(map(contains_card_number, texts))
        case _:
            return True


def _is_card_like(reference: str | None, contract: GatewayContract) -> bool:
    if reference is None or (contract.numeric_references and reference.isdecimal()):
        return False
    return is_card_like_id(reference)


def _is_sound(approved: Approved) -> bool:
    """Say whether an approval can be kept: adapters are not type-checked at run time."""
    currency: object = approved.currency
    return (
        _is_reference(approved.reference)
        and type(approved.amount_minor) is int
        and abs(approved.amount_minor) <= _AMOUNT_MAX
        and type(approved.is_partial) is bool
        and isinstance(currency, str)
        and _CURRENCY.fullmatch(currency) is not None
    )


def _unreadable(answer: object, say: Say) -> OutcomeUnknown:
    say().warning("answer_unreadable", answer=type(answer).__name__, hint="see docs/gateways.md for what to return")
    return OutcomeUnknown(
        reason=Reason.UNREADABLE_ANSWER, message=f"the adapter's answer, a {type(answer).__name__}, cannot be read"
    )


def _without_card_data(outcome: Outcome) -> Outcome:
    match outcome:
        case Declined() | NotProcessed() | OutcomeUnknown() | InvalidRequest() | GatewayMisconfigured():
            code, message = _tidy(outcome.code, _CODE_LENGTH_MAX), _tidy(outcome.message, _MESSAGE_LENGTH_MAX)
            return replace(outcome, code=code, message=message)
        case Approved() | RequiresAction() | Pending() | Duplicate():
            return outcome


def _tidy(text: str, longest: int) -> str:
    # Half a surrogate pair cannot be written as UTF-8, and an outcome that cannot be written is lost.
    return mask_card_numbers(text.encode(errors="replace").decode())[:longest]
