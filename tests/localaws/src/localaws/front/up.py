"""Starts both emulators, deploys, says so in one line of JSON, and stays until it is told to go."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from localaws.front import platform
from localaws.front.moto_client import Moto
from localaws.world import World, member_id


class StartFailed(Exception):
    """The local AWS could not be started; the message says what to do."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _is_taken(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _check(options: Namespace) -> dict[str, Path]:
    """What must exist; the binaries by function name."""
    if options.port and _is_taken(options.port):
        raise StartFailed(f"port {options.port} is taken: give another --port, or none")
    if not Path(options.moto_python).exists():
        raise StartFailed(
            f"no Python at `{options.moto_python}`: create moto's environment first (make venvs)"
        )
    binaries = {}
    for given in options.function:
        name, separator, path = given.partition("=")
        if not separator or not Path(path).is_file():
            raise StartFailed(
                f"--function `{given}`: give NAME=PATH of a built binary (cargo build --workspace)"
            )
        binaries[name] = Path(path)
    for given in options.parameter:
        if not given.partition("=")[1]:
            raise StartFailed(f"--parameter `{given}`: give NAME=VALUE")
    others = (options.member_role, options.member_region, options.organization)
    given_paths = [options.template, *filter(None, others)]
    for path in () if options.no_deploy else given_paths:
        if path is None or not Path(path).is_file():
            raise StartFailed(
                f"no template `{path}`: give --template (and --member-role, --member-region, "
                "--organization) that exist, or --no-deploy"
            )
    return binaries


def _start_moto(python: str, world: World, log: Any) -> subprocess.Popen[bytes]:
    source = str(Path(__file__).resolve().parents[2])
    command = [python, "-m", "localaws.moto", str(world.moto_port), str(os.getpid())]
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": source}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )


def _wait_for_moto(child: subprocess.Popen[bytes], moto: Moto, log: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise StartFailed(f"moto ended with status {child.returncode}: see {log}")
        try:
            if moto.door("organization", {})[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise StartFailed(f"moto did not answer within 60 s: see {log}")


def _parent_gone(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


async def _stay(options: Namespace, child: subprocess.Popen[bytes], stop: asyncio.Event) -> None:
    """Until a signal comes, the parent is gone, or moto ends."""
    while not stop.is_set():
        if _parent_gone(options.parent_pid) or child.poll() is not None:
            return
        try:
            await asyncio.wait_for(stop.wait(), 0.5)
        except TimeoutError:
            continue


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A pipe on stdin that closes means that whoever started this is gone."""
    if os.path.exists("/proc/self/fd/0") and os.readlink("/proc/self/fd/0").startswith("pipe:"):
        loop.add_reader(0, lambda: os.read(0, 4096) or stop.set())


async def _serve(options: Namespace, world: World, child: subprocess.Popen[bytes], report: Any) -> int:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from localaws.front.app import Front

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _watch_stdin(loop, stop)
    front = Front(world)
    config = Config()
    config.bind = [f"127.0.0.1:{world.port}"]
    config.keep_alive_timeout = 300
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    finished = asyncio.Event()
    server = asyncio.create_task(serve(front, config, shutdown_trigger=finished.wait))
    try:
        ready = await asyncio.to_thread(_prepare, options, world, front)
        report.write(json.dumps(ready) + "\n")
        report.flush()
        await _stay(options, child, stop)
        return 0 if child.poll() is None else 1
    finally:
        finished.set()
        await asyncio.wait([server], timeout=3)


def _given_parameters(options: Namespace) -> dict[str, str]:
    given = {} if options.modes is None else {"Modes": options.modes}
    for text in options.parameter:
        name, _, value = text.partition("=")
        given[name] = value
    return given


def _prepare(options: Namespace, world: World, front: Any) -> dict[str, Any]:
    from localaws.front import deploy

    _wait_for_front(world)
    deploy.register_action_targets(front.moto, world)
    outputs: dict[str, str] = {}
    if not options.no_deploy:
        order = deploy.Order(
            Path(options.template),
            Path(options.member_role) if options.member_role else None,
            options.binaries,
            _given_parameters(options),
            options.visibility_seconds,
            Path(options.member_region) if options.member_region else None,
            tuple(filter(None, options.regions.split(","))),
            Path(options.organization) if options.organization else None,
        )
        outputs = deploy.deploy(world, order)
        deploy.deploy_organization(front.moto, world, order, outputs)
        front.doors.member_stacks = deploy.member_stacks(world, order, outputs)
        deploy.deploy_own_regions(world, front.doors.member_stacks)
    members = [{"account": member_id(index)} for index in range(1, options.accounts + 1)]
    response = asyncio.run(front.doors.add_accounts(members))
    if response.status != 200:
        raise StartFailed(f"member accounts: {response.body.decode()}")
    return {
        "endpoint": world.endpoint,
        "admin": world.admin,
        "management": world.management,
        "members": world.members,
        "region": world.region,
        "organization": world.organization,
        "external_id": world.external_id,
        "stack": outputs,
    }


def _wait_for_front(world: World) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", world.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise StartFailed(f"nothing listens on port {world.port}: see the log")


def up(options: Namespace) -> int:
    """Run the local AWS; the exit status."""
    report = os.fdopen(os.dup(1), "w")
    try:
        options.binaries = _check(options)
    except StartFailed as failure:
        print(f"localaws: {failure}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="localaws-", ignore_cleanup_errors=True) as scratch:
        log_path = options.log or os.path.join(tempfile.gettempdir(), f"localaws-{os.getpid()}.log")
        errors = os.fdopen(os.dup(2), "w")
        with open(log_path, "ab", buffering=0) as log:
            # The emulators and the functions write to both; only the report belongs on stdout.
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            world = World(options.port or free_port(), free_port())
            platform.configure(world, scratch)
            child = _start_moto(options.moto_python, world, log)
            try:
                _wait_for_moto(child, Moto(world.moto_port), log_path)
                return asyncio.run(_serve(options, world, child, report))
            except Exception as failure:
                print(f"localaws: {failure} (log: {log_path})", file=errors, flush=True)
                return 1
            finally:
                child.terminate()
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()
