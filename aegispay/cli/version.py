"""``aegispay --version``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from aegispay.cli.reporting import out


def _say(is_wanted: bool) -> None:
    if is_wanted:
        out.print(f"aegispay {version('aegispay')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_say, help="Say which version this is, and end.")
]
