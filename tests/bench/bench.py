"""The benchmark: Redress and the same job in Python (`peer/handler.py`), side by side in one run.

Run by `make bench` with the environment of `requirements.txt`. It starts a local AWS, measures processes of
both behind a stub of the Runtime API, then findings on the deployed stack, prints a table and writes
`target/bench/bench.json`. It reports and never judges: it ends with 0 when it ran through.

Each series starts with one run that is not counted, and the two sides take turns, so that both meet the same
machine. The peer's bytecode is cached.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from local import ROOT, Case, Local, batch, local_aws
from report import MB, PEAK_MB, TIMES_FASTER, Line, machine, packed_mb, python_package, table, versions
from runtime_api import Failed, Run, measure

PEER = Path(__file__).resolve().parent / "peer"
OUT = ROOT / "target/bench"
NOTES = """\
The medians of {runs} runs, of {findings} findings on the deployed stack. Ratio: the peer's median over Redress's.
Start-up: from the start of the process to its answer to a batch whose one job is skipped.
The local AWS speaks HTTP, so neither side pays for TLS, and its answers take most of the time of a remediation;
CPU is what the process itself used, start-up included.
The peer does less: no lock, no session policy, no look at websites, no second reading before the write.
Calls are counted by IAM action: Redress's transaction on the ledger is one request and counts twice.
On the deployed stack, Redress's router runs before both.\
"""


@dataclass(frozen=True)
class Side:
    """One of the two, as a function behind the stub."""

    command: Sequence[str]
    environment: Mapping[str, str]
    function_arn: str
    log: Path

    def run(self, *events: Any) -> Run:
        """One process, given these events."""
        return measure(self.command, self.environment, self.function_arn, events, self.log)


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def skipped(local: Local) -> dict[str, Any]:
    """A batch with a job which neither side knows."""
    resource = {"kind": "AwsLambdaFunction", "id": f"arn:aws:lambda:us-east-1:{local.member}:function:f"}
    resource |= {"account": local.member, "region": local.region, "partition": "aws"}
    finding = {"id": "finding", "product": "arn:aws:securityhub:us-east-1::product/aws/securityhub"}
    request = {"event": "event", "at": None}
    return batch(
        {
            "intent": "automatic",
            "controls": ["Lambda.1"],
            "resource": resource,
            "finding": finding,
            "request": request,
        }
    )


def remediate(local: Local, side: Side, cases: int = 1) -> Run:
    """One process which sets right that many buckets, and proof that it did."""
    staged = [local.quiet_case() for _ in range(cases)]
    local.forget_calls()
    run = side.run(*(batch(case.job()) for case in staged))
    for case in staged:
        local.check(case)
    return run


def in_turns(count: int, sides: Sequence[Side], run: Callable[[Side], Run]) -> list[list[Run]]:
    """The runs of each side, after one that is not counted."""
    rounds = [[run(side) for side in sides] for _ in range(count + 1)]
    return [list(runs) for runs in zip(*rounds[1:], strict=True)]


def firsts(runs: Sequence[Run]) -> list[float]:
    """Milliseconds to the first answer."""
    return [run.seconds[0] * 1000 for run in runs]


def processes(local: Local, sides: Sequence[Side], count: int) -> tuple[list[Line], dict[str, list[str]]]:
    """What is measured of single processes, and the calls of one remediation."""
    say("start-up")
    start = in_turns(count, sides, lambda side: side.run(skipped(local)))
    say("whole remediations, each in a new process")
    whole = in_turns(count, sides, lambda side: remediate(local, side))
    say("second remediations of a process")
    second = in_turns(count, sides, lambda side: remediate(local, side, 2))
    say("many remediations in one process")
    many = [remediate(local, side, count) for side in sides]
    calls = []
    for side in sides:
        case = local.quiet_case()
        local.forget_calls()
        side.run(batch(case.job()))
        calls.append(local.calls())
    cpu = [[run.cpu_seconds * 1000 for run in runs] for runs in whole]
    warm = [[run.seconds[1] * 1000 for run in runs] for runs in second]
    peak = [[run.peak_bytes / MB for run in runs] for runs in whole]
    peak_of_many = [[run.peak_bytes / MB] for run in many]
    lines = [
        Line("cold start: process start to first answer", "ms", *map(firsts, start), at_least_times=TIMES_FASTER),
        Line("the same with one whole remediation in it", "ms", *map(firsts, whole)),
        Line("CPU of one cold remediation", "ms", *cpu),
        Line("one remediation, process warm", "ms", *warm),
        Line("peak memory, one remediation", "MB", *peak, at_most=PEAK_MB),
        Line(f"peak memory, {count} remediations", "MB", *peak_of_many, at_most=PEAK_MB),
        Line("AWS calls of one remediation", "calls", *([float(len(actions))] for actions in calls)),
    ]
    return lines, dict(zip(("redress", "python"), calls, strict=True))


def deployed(local: Local, count: int) -> list[float]:
    """Milliseconds from the import of a finding to RESOLVED, one finding after another."""
    cases: list[Case] = [local.case() for _ in range(count + 1)]
    return [local.seconds_to_resolved(case) * 1000 for case in cases][1:]


def sizes(binary: Path) -> list[Line]:
    """What is uploaded, as it is and zipped."""
    redress = packed_mb([(binary, "bootstrap")])
    python = packed_mb([*python_package(), (PEER / "handler.py", "handler.py")])
    names = ("size of binary / packages", "size, zipped")
    return [Line(name, "MB", [ours], [theirs]) for name, ours, theirs in zip(names, redress, python, strict=True)]


def peer_bootstrap() -> Path:
    """The peer as an executable that can be deployed like a binary."""
    script = OUT / "peer-bootstrap"
    words = f"#!/bin/sh\nPYTHONPATH='{PEER}' exec '{sys.executable}' -m awslambdaric handler.handler\n"
    script.write_text(words)
    script.chmod(0o755)
    return script


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20, help="processes of each kind and side (20)")
    parser.add_argument("--findings", type=int, default=20, help="findings on the deployed stack (20)")
    parser.add_argument("--profile", default="release", help="the cargo profile whose binaries are taken")
    parser.add_argument("--date", default=date.today().isoformat(), help="what to write as the date")
    return parser.parse_args()


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.log"):
        old.unlink()
    binaries = {name: ROOT / "target" / options.profile / name for name in ("finding-router", "cis-remediator")}
    if missing := [str(path) for path in binaries.values() if not path.is_file()]:
        say(f"not built: {', '.join(missing)} (cargo build --release -p finding-router -p cis-remediator)")
        return 2
    load = [os.getloadavg()[0]]
    say("starting the local AWS")
    with local_aws(binaries, OUT / "local-aws.log") as local:
        function_arn, environment = local.remediator()
        binary = str(binaries["cis-remediator"])
        peer = [sys.executable, "-m", "awslambdaric", "handler.handler"]
        peer_environment = {**environment, "PYTHONPATH": str(PEER), "_HANDLER": "handler.handler"}
        sides = [
            Side([binary], environment, function_arn, OUT / "redress.log"),
            Side(peer, peer_environment, function_arn, OUT / "python.log"),
        ]
        lines, calls = processes(local, sides, options.runs)
        say("findings on the deployed stack")
        ours = deployed(local, options.findings)
    say("findings on the stack deployed with the peer")
    with local_aws({**binaries, "cis-remediator": peer_bootstrap()}, OUT / "local-aws-peer.log") as local:
        theirs = deployed(local, options.findings)
    lines.insert(4, Line("finding to verified, deployed", "ms", ours, theirs))
    lines += sizes(binaries["cis-remediator"])
    load.append(os.getloadavg()[0])
    facts = {
        "date": options.date,
        "profile": options.profile,
        "runs": options.runs,
        "findings": options.findings,
        "machine": {**machine(), "load_before_and_after": [round(value, 2) for value in load]},
        "versions": versions(ROOT),
        "lines": [line.facts() for line in lines],
        "calls": calls,
    }
    (OUT / "bench.json").write_text(json.dumps(facts, indent=1) + "\n")
    where = facts["machine"]
    known = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    print(f"{options.date}, {where['cpu']}, {where['cores']} cores, load {load[0]:.1f} to {load[1]:.1f}")
    print(f"{known}; profile {options.profile}\n\n{table(lines)}\n")
    print(NOTES.format(runs=options.runs, findings=options.findings))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench: {failure}")
