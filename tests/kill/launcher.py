"""Starts child processes in milliseconds: everything is imported once, each task gets a fork of its own.

Reads one task a line from standard input. What the child says, and then how it ended, goes to standard output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.kill import child


def run(task: dict[str, Any]) -> None:
    asyncio.run(getattr(child, task["do"])(Path(task["folder"]), task))


def main() -> None:
    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                run(task)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        child.say("dead", status=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
