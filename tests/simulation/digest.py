"""A story in one number, so that two runs can be compared: ``python -m tests.simulation.digest SEED``."""

from __future__ import annotations

import hashlib
import logging
import sys

from tests.simulation.world import Story, simulate


def lines(story: Story) -> list[str]:
    """Return everything that happened, in order, times, ids and contents included."""
    log = sorted((stored for events in story.events.values() for stored in events), key=lambda stored: stored.position)
    return [
        *(f"{s.position} {s.payment_id} {s.version} {s.event!r} {s.recorded_at.isoformat()} {s.hash}" for s in log),
        *(repr(entry) for entry in story.ledger.entries()),
        *(f"{answer.order!r} {answer.payment!r}" for answer in story.answers),
        *(repr(sent) for sent in story.wire),
        f"{story.lives} lives, ended at {story.ended_at_s!r}",
    ]


def digest(seed: int) -> str:
    return hashlib.sha256("\n".join(lines(simulate(seed))).encode()).hexdigest()


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(digest(int(sys.argv[1])) + "\n")
