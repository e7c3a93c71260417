"""What hooks did, in words."""

from __future__ import annotations

from aegispay.domain import events as e


def hook_sentences(event: e.PaymentEnriched | e.HookJudged) -> list[str]:
    """Return what the hook did; the second sentence says why."""
    if isinstance(event, e.PaymentEnriched):
        return [f"hook {event.hook} added to the metadata: {', '.join(event.metadata)}"]
    score = "" if event.score is None else f", risk score {event.score:g}"
    said = "failed, which counts as" if event.has_failed else "said"
    verdict = event.verdict.value.replace("_", " ")
    told = (
        f"hook {event.hook} ({event.kind.value.replace('_', ' ')}) {said} {verdict}{score}, after {event.took_s:.3f} s"
    )
    return [told, event.reason] if event.reason else [told]
