"""A stub of Lambda's Runtime API, and one function process behind it, measured.

One thread and plain sockets: between the events and the clock stands as little as can be. The clock of the
first event starts before the process is spawned and stops when its answer has arrived; those of later events
start when they are handed out.
See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

TIMEOUT = 60.0
NEXT = "/2018-06-01/runtime/invocation/next"


class Failed(Exception):
    """A process did not answer, or not as it should; the message says where to look."""


@dataclass(frozen=True)
class Run:
    """What was measured of one process."""

    seconds: list[float]
    """One per event."""
    peak_bytes: int
    cpu_seconds: float


class _Asked(NamedTuple):
    connection: socket.socket
    method: str
    path: str
    body: bytes


class RuntimeApi:
    """The stub: requests are taken one by one, by whoever drives it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._listener, selectors.EVENT_READ)
        self._read: dict[socket.socket, bytes] = {}

    def __enter__(self) -> RuntimeApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ready.close()
        for connection in [*self._read, self._listener]:
            connection.close()

    def asked(self) -> _Asked:
        """The next request."""
        deadline = time.monotonic() + TIMEOUT
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in self._ready.select(left):
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._ready.register(connection, selectors.EVENT_READ)
                    self._read[connection] = b""
                elif asked := self._more(key.fileobj):
                    return asked
        raise Failed(f"the process asked for nothing within {TIMEOUT:.0f} s")

    def _more(self, connection: Any) -> _Asked | None:
        got = connection.recv(65536)
        if not got:
            self._ready.unregister(connection)
            connection.close()
            if not self._read.pop(connection) and not self._read:
                raise Failed("the process closed its last connection")
            return None
        data = self._read[connection] = self._read[connection] + got
        head, end, body = data.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "chunked" in headers.get("transfer-encoding", ""):
            raise Failed("the process sent its answer in chunks, which this stub does not read")
        if len(body) < int(headers.get("content-length", 0)):
            return None
        self._read[connection] = b""
        method, path, _ = first.split(" ")
        return _Asked(connection, method, path, body)


def _reply(connection: socket.socket, status: str, headers: Mapping[str, str], body: bytes) -> None:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    output = [(os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600), (os.POSIX_SPAWN_DUP2, 1, 2)]
    pid = os.posix_spawn(command[0], command, environment, file_actions=output)
    try:
        yield pid
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise Failed(f"no VmHWM for process {pid}")


def measure(
    command: Sequence[str],
    environment: Mapping[str, str],
    function_arn: str,
    events: Sequence[Any],
    log: Path,
) -> Run:
    """Start the process, give it the events one after another, and end it.

    Raises `Failed` when an answer is an error or gives messages back.
    """
    bodies, seconds = [json.dumps(event).encode() for event in events], []
    with RuntimeApi() as api:
        environment = {**environment, "AWS_LAMBDA_RUNTIME_API": api.address}
        started = time.perf_counter()
        with _process(command, environment, log) as pid:
            for number, body in enumerate(bodies):
                asked = api.asked()
                if asked.path != NEXT:
                    raise Failed(f"the process did not start: {asked.path} {asked.body.decode()} (log: {log})")
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-4000-8000-{number:012}",
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 120) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": function_arn,
                }
                started = time.perf_counter() if number else started
                _reply(asked.connection, "200 OK", headers, body)
                answered = api.asked()
                seconds.append(time.perf_counter() - started)
                _reply(answered.connection, "202 Accepted", {}, b'{"status":"OK"}')
                _accept(answered, log)
            # It is at rest when it asks again.
            api.asked()
            peak = _peak(pid)
            os.kill(pid, signal.SIGKILL)
            _, _, used = os.wait4(pid, 0)
    return Run(seconds, peak, used.ru_utime + used.ru_stime)


def _accept(answered: _Asked, log: Path) -> None:
    text = answered.body.decode()
    if not answered.path.endswith("/response") or json.loads(text) != {"batchItemFailures": []}:
        raise Failed(f"the process answered {answered.path} {text} (log: {log})")
