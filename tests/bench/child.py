"""A process that is run to its end, and what it took."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime_api import Failed

TIMEOUT = 900.0

# Before its `exec` a process is as large as its parent, and that counts: the parent is a bare interpreter.
_PARENT = """
import os, sys, time
report, *command = sys.argv[1:]
started = time.perf_counter()
pid = os.posix_spawn(command[0], command, os.environ)
_, status, used = os.wait4(pid, 0)
seconds = time.perf_counter() - started
words = os.waitstatus_to_exitcode(status), seconds, used.ru_utime + used.ru_stime, used.ru_maxrss
print(*words, file=open(report, "w"))
"""


@dataclass(frozen=True)
class Used:
    """What a process took, with those that it started and waited for."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Of the largest process."""


def run(command: Sequence[str], environment: Mapping[str, str], directory: Path, output: Path, status: int = 0) -> Used:
    """Run a command whose standard output goes to a file, and its errors to one beside it.

    Raises `Failed` when it ends with another status.
    """
    log = output.with_suffix(".log")
    with (
        tempfile.NamedTemporaryFile("r", prefix="bench-") as report,
        output.open("wb") as out,
        log.open("ab") as errors,
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PARENT, report.name, *command],
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        ) as parent,
    ):
        try:
            parent.wait(TIMEOUT)
        except BaseException:
            os.killpg(parent.pid, signal.SIGKILL)
            raise
        words = report.read().split()
    if not words or int(words[0]) != status:
        ended = f"ended with {words[0]}, not {status}" if words else "did not start"
        raise Failed(f"{command[0]} {ended} (log: {log})")
    return Used(float(words[1]), float(words[2]), int(words[3]) * 1024)
