"""Starts child processes in milliseconds: everything is imported once, each task gets a fork of its own.

Reads one task a line from standard input. What the child says, and then how it ended, goes to standard output. The
argument names the module whose functions are the tasks.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.kill.child import say


def run(module: Any, task: dict[str, Any]) -> None:
    asyncio.run(getattr(module, task["do"])(Path(task["folder"]), task))


def main() -> None:
    module = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                run(module, task)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        say("dead", status=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
