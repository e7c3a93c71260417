"""What health checks say: whether a gateway answers at all. They move no money, so they prove no more than that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aegispay.domain.limits import refuse, seconds, share, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckPolicy:
    """When a gateway is asked whether it is up.

    Attributes:
        idle_s: after so long without a call, and again and again; a minute shows a dead gateway before a payer finds
            out. ``None`` for never.
        down_s: the same while a breaker is open or the last answer was no: what ends an outage is seen soon.
        jitter: up to this share is taken off each interval, so that many gateways are not asked in one moment.
        answers_to_probe: so many good answers in a row, after bad ones, end an open breaker's pause early. An endpoint
            that said yes all through the outage proves nothing and ends no pause. 0 for never.
    """

    idle_s: float | None = 60.0
    down_s: float = 5.0
    jitter: float = 0.2
    answers_to_probe: int = 2

    def __post_init__(self) -> None:
        """Refuse what could not work.

        Raises:
            ValidationError: naming every setting that makes no sense.
        """
        refuse(
            () if self.idle_s is None else seconds("health_checks.idle_s", self.idle_s),
            seconds("health_checks.down_s", self.down_s),
            share("health_checks.jitter", self.jitter),
            whole("health_checks.answers_to_probe", self.answers_to_probe, smallest=0),
            hint="Correct the HealthCheckPolicy.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """What the last health check said; times are seconds of one clock that the caller chooses.

    Attributes:
        is_up: its answer; ``None`` before the first.
        message: what the gateway said, or why there was no answer.
        answered_at: when the answer came; ``None`` before the first.
        asked_at: when it was last asked; ``None`` before that.
        called_at: when a call last ended.
        has_proof: whether a call has ended well since the answer, which tells more than any answer.
        was_down: whether a check since the breaker opened has said no. good: good answers in a row after that.
        asked: how many times it was asked; it makes the jitter.
    """

    is_up: bool | None = None
    message: str = ""
    answered_at: float | None = None
    asked_at: float | None = None
    called_at: float | None = None
    has_proof: bool = False
    was_down: bool = False
    good: int = 0
    asked: int = 0

    @property
    def is_down(self) -> bool:
        """Whether the gateway has to be taken for dead: it says so, and no call has proved otherwise."""
        return self.is_up is False and not self.has_proof


def asking(liveness: Liveness, now: float) -> Liveness:
    """Note that the gateway is being asked."""
    return replace(liveness, asked_at=now, asked=liveness.asked + 1)


def answered(liveness: Liveness, now: float, *, is_up: bool, message: str) -> Liveness:
    """Note its answer."""
    return replace(
        liveness,
        is_up=is_up,
        message=message,
        answered_at=now,
        has_proof=False,
        was_down=liveness.was_down or not is_up,
        good=liveness.good + 1 if is_up else 0,
    )


def called(liveness: Liveness, now: float, *, is_fault: bool) -> Liveness:
    """Note that a call has ended."""
    return replace(liveness, called_at=now, has_proof=liveness.has_proof or not is_fault)


def opened(liveness: Liveness) -> Liveness:
    """Note that a breaker has opened: what proves its end has to come after it."""
    return replace(liveness, was_down=liveness.is_down, good=0)


def proves_recovery(liveness: Liveness, policy: HealthCheckPolicy) -> bool:
    """Return whether the checks saw the outage, and now see its end."""
    return liveness.was_down and 0 < policy.answers_to_probe <= liveness.good


def is_due(liveness: Liveness, policy: HealthCheckPolicy, now: float, *, is_open: bool, luck: float) -> bool:
    """Return whether to ask now.

    Args:
        liveness: what is known.
        policy: how often.
        now: the time.
        is_open: whether a breaker is open.
        luck: 0.0 to 1.0, how much of the jitter is taken off.
    """
    interval_s = policy.down_s if is_open or liveness.is_up is False else policy.idle_s
    if interval_s is None:
        return False
    interval_s *= 1.0 - policy.jitter * luck
    if liveness.asked_at is not None and now - liveness.asked_at < interval_s:
        return False
    return is_open or liveness.is_up is False or liveness.called_at is None or now - liveness.called_at >= interval_s
