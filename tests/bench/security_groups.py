"""The benchmark of the analyser: Redress, Cloud Custodian and Prowler on the same security groups.

Run by `make bench-groups`, and so by `make bench`. It starts a local AWS with twenty accounts of 250 groups with
ten inbound rules each, of which one in twenty is open to the world, has all three tell which those are, and asks
the same calls as Redress with a client that does nothing else. It prints a table and writes
`target/bench/security-groups.json`. A goal that is missed is told; a wrong answer of anybody ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import scanners
from child import Used
from local import ROOT, up
from report import MB, columns, machine, own_versions
from runtime_api import Failed
from staged import GROUPS, RULES, Answer, Staged

OUT = ROOT / "target/bench"
SCRATCH = OUT / "security-groups"
ACCOUNTS = 20
# As many as Redress takes by itself.
AT_ONCE = 8
CUSTODIAN_ASKS = ("AssumeRole", "DescribeSecurityGroups")
RULES_PER_SECOND = 2_000_000
PEAK_MB = 64
TIMES_FASTER = 5
NOTES = """\
{accounts} accounts in one region, {groups} groups with {rules} inbound rules each, {open} of them open to the world.
Medians of {runs} runs, in turns, after one that is not counted; of Prowler one run. Every answer was right.
CPU: of the command with all that it starts; peak: of its largest process. The local AWS itself: the calls of Redress,
made by a client that does not read the answers.
Redress: as many accounts at once as it takes by itself (8); all six rules of its policy.
Cloud Custodian: as many processes as c7n-org takes by itself (four for each core), no cache from before, a policy for
each of the six rules. Prowler: a process for each account, one after another, and as many as there are cores; the
{checked} rules for which it has checks, and without reading its compliance frameworks.\
"""


@dataclass
class Side:
    """One who is measured."""

    name: str
    runs: list[Used] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    rules: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median of the wall times."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def cpu(self) -> float:
        """The median of the CPU times."""
        return statistics.median(run.cpu_seconds for run in self.runs)

    @property
    def peak_mb(self) -> float:
        """The highest of the peaks."""
        return max(run.peak_bytes for run in self.runs) / MB

    def measure(self, staged: Staged, run: Callable[[], tuple[Used, Answer]]) -> None:
        """One more run, with the right answer."""
        staged.forget_calls()
        used, answer = run()
        staged.check(self.name, answer)
        self.calls, self.rules = staged.calls(), sorted(answer)
        self.runs.append(used)

    def facts(self) -> dict[str, Any]:
        """What there is to know, for programs."""
        values = {
            "seconds": [round(run.seconds, 3) for run in self.runs],
            "cpu_seconds": [round(run.cpu_seconds, 3) for run in self.runs],
            "peak_mb": [round(run.peak_bytes / MB, 1) for run in self.runs],
        }
        return {"name": self.name, **values, "calls": sum(self.calls.values()), "rules_answered": self.rules}


@dataclass(frozen=True)
class Goal:
    """What should be, and what is."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether it is so."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def words(self) -> str:
        """The goal in words."""
        if self.at_least is not None:
            return f">= {self.at_least:,}"
        return "" if self.at_most is None else f"<= {self.at_most:,}"

    def cells(self) -> list[str]:
        """The row of the table."""
        value = f"{self.value:,.0f}" if self.value >= 1000 else f"{self.value:.2f}"
        return [self.name, value, {None: "", True: f"{self.words}: pass", False: f"{self.words}: MISSED"}[self.met]]

    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        return {"name": self.name, "value": round(self.value, 3), "goal": self.words or None, "met": self.met}


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def judged(count: int) -> list[float]:
    """Rules that the analyser judges in a second on one core, after one run that is not counted."""
    command = ["cargo", "bench", "--quiet", "--workspace", "--bench", "judge"]
    figures = []
    for _ in range(count + 1):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{' '.join(command)}: {done.stderr[-2000:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        # One in twenty violates every rule of its policy.
        if told["violations"] != told["groups"] // 20 * told["policy_rules"]:
            raise Failed(f"the analyser judged wrongly: {told}")
        figures.append(told["rules_per_second"])
    return figures[1:]


def versions() -> dict[str, str]:
    """What was measured."""
    known = own_versions(ROOT)
    for name, python in (("c7n", scanners.CUSTODIAN / "python"), ("prowler", scanners.PROWLER)):
        command = [str(python), "-c", f"import importlib.metadata as m; print(m.version('{name}'))"]
        known[name] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return known


@dataclass(frozen=True)
class Own:
    """Seconds of the local AWS for the calls of a scan."""

    in_turn: list[float]
    of_custodian: list[float]
    """Of these, for the calls that Cloud Custodian makes too."""
    at_once: list[float]


def in_turns(staged: Staged, binary: Path, runs: int) -> tuple[Own, Side, Side]:
    """The local AWS itself, Redress and Cloud Custodian, after one run each that is not counted."""
    own, ours, custodian = Own([], [], []), Side("redress sg scan"), Side("Cloud Custodian (c7n-org)")
    for number in range(runs + 1):
        say(f"Redress, Cloud Custodian and the local AWS itself, {number} of {runs}")
        staged.forget_calls()
        seconds, by_action = staged.ask()
        own.in_turn.append(seconds)
        own.of_custodian.append(sum(by_action[action] for action in CUSTODIAN_ASKS))
        asked = staged.calls()
        own.at_once.append(staged.ask(AT_ONCE)[0])
        ours.measure(staged, lambda: scanners.redress(staged, binary, SCRATCH / "redress"))
        custodian.measure(staged, lambda: scanners.custodian(staged, SCRATCH / "c7n", staged.accounts))
        if other := {call.partition(":")[2] for call in custodian.calls} ^ {*CUSTODIAN_ASKS}:
            raise Failed(f"Cloud Custodian makes other calls than it is said to: {other}")
        if asked != ours.calls:
            differing = (asked - ours.calls) + (ours.calls - asked)
            raise Failed(f"Redress made other calls than the bare client: {differing.most_common(3)}")
    for values in (own.in_turn, own.of_custodian, own.at_once, ours.runs, custodian.runs):
        del values[0]
    return own, ours, custodian


def prowler(staged: Staged) -> list[Side]:
    """Prowler one account after another, and as many at once as there are cores."""
    say("Prowler, an account that is not counted")
    scanners.prowler(staged, SCRATCH / "prowler", staged.accounts[:1], 1)
    sides = []
    for at_once in sorted({1, os.cpu_count() or 1}):
        side = Side("Prowler" if at_once == 1 else f"Prowler, {at_once} accounts at once")
        say(side.name)
        side.measure(staged, lambda: scanners.prowler(staged, SCRATCH / "prowler", staged.accounts, at_once))  # noqa: B023
        sides.append(side)
    return sides


def table(own: Own, sides: Sequence[Side]) -> str:
    """What everybody took: Redress, Cloud Custodian, and further ones."""
    ours, custodian = sides[:2]
    rows = [["", "wall s", "CPU s", "peak MB", "calls", "times Redress", "rules answered"]]
    asked = sum(ours.calls.values()), sum(custodian.calls.values())
    kinds = [
        ("one call at a time", own.in_turn, asked[0]),
        ("of these the calls of Cloud Custodian", own.of_custodian, asked[1]),
        (f"{AT_ONCE} accounts at once", own.at_once, asked[0]),
    ]
    for kind, seconds, calls in kinds:
        median = statistics.median(seconds)
        cells = [f"{median:.1f}", "", "", str(calls), f"{median / ours.seconds:.2f}", ""]
        rows.append([f"the local AWS itself, {kind}", *cells])
    for side in sides:
        numbers = [f"{side.seconds:.1f}", f"{side.cpu:.1f}", f"{side.peak_mb:.0f}", str(sum(side.calls.values()))]
        rows.append([side.name, *numbers, f"{side.seconds / ours.seconds:.2f}", f"{len(side.rules)} of 6"])
    return columns(rows)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of all but Prowler (3)")
    parser.add_argument("--redress", type=Path, default=ROOT / "target/release/redress", help="the command")
    parser.add_argument("--date", default=date.today().isoformat(), help="what to write as the date")
    return parser.parse_args()


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    binary = options.redress.absolute()
    if missing := [str(path) for path in (binary, scanners.CUSTODIAN, scanners.PROWLER) if not path.exists()]:
        say(f"not there: {', '.join(missing)} (make bench-groups builds and installs what is needed)")
        return 2
    load = [os.getloadavg()[0]]
    say("the analyser alone")
    rules_per_second = judged(options.runs)
    say("starting the local AWS")
    with up(["--no-deploy", "--accounts", str(ACCOUNTS)], OUT / "local-aws-groups.log") as report:
        staged = Staged(report)
        own, ours, custodian = in_turns(staged, binary, options.runs)
        prowlers = prowler(staged)
    # What a failure leaves there to look at is hundreds of megabytes.
    shutil.rmtree(SCRATCH)
    load.append(os.getloadavg()[0])
    fastest = min(side.seconds for side in prowlers)
    own_seconds = statistics.median(own.in_turn)
    goals = [
        Goal("rules analysed per second on one core", statistics.median(rules_per_second), at_least=RULES_PER_SECOND),
        Goal("peak memory of the scan (MB)", ours.peak_mb, at_most=PEAK_MB),
        Goal("times faster than Cloud Custodian", custodian.seconds / ours.seconds, at_least=TIMES_FASTER),
        Goal("times faster than Prowler at its fastest", fastest / ours.seconds, at_least=TIMES_FASTER),
        Goal("wall time over the local AWS's own", ours.seconds / own_seconds),
        Goal("Cloud Custodian's CPU over Redress's", custodian.cpu / ours.cpu),
        Goal("Prowler's CPU over Redress's", prowlers[0].cpu / ours.cpu),
    ]
    sides = [ours, custodian, *prowlers]
    facts = {
        "date": options.date,
        "runs": options.runs,
        "machine": {**machine(), "load_before_and_after": [round(value, 2) for value in load]},
        "versions": versions(),
        "staged": {"accounts": ACCOUNTS, "groups": ACCOUNTS * GROUPS, "inbound_rules_each": RULES, "open": staged.open},
        "seen": dict(staged.listed),
        "rules_per_second": rules_per_second,
        "local_aws_seconds": asdict(own),
        "sides": [side.facts() for side in sides],
        "figures": [goal.facts() for goal in goals],
    }
    (OUT / "security-groups.json").write_text(json.dumps(facts, indent=1) + "\n")
    where = facts["machine"]
    known = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    print(f"{options.date}, {where['cpu']}, {where['cores']} cores, load {load[0]:.1f} to {load[1]:.1f}\n{known}\n")
    print(f"{table(own, sides)}\n\n{columns([['', 'figure', 'goal'], *(goal.cells() for goal in goals)])}\n")
    facts_told = {"accounts": ACCOUNTS, "groups": f"{ACCOUNTS * GROUPS:,}", "rules": RULES, "open": staged.open}
    print(NOTES.format(**facts_told, runs=options.runs, checked=len(prowlers[0].rules)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench: {failure}")
