"""What was measured, as a table for people and as a file for programs. MB are 2^20 bytes, as Lambda counts."""

from __future__ import annotations

import importlib.metadata
import io
import math
import os
import platform
import statistics
import subprocess
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MB = 1 << 20
TIMES_FASTER = 20.0
PEAK_MB = 24.0


def p95(values: Sequence[float]) -> float:
    """The nearest-rank 95th percentile."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


@dataclass(frozen=True)
class Line:
    """One thing measured on both sides, with one value or many."""

    name: str
    unit: str
    redress: list[float]
    python: list[float]
    at_least_times: float | None = None
    """A goal: the peer's median over Redress's."""
    at_most: float | None = None
    """A goal: every value of Redress."""

    @property
    def ratio(self) -> float:
        """How many times more the peer takes."""
        return statistics.median(self.python) / statistics.median(self.redress)

    @property
    def goal(self) -> str | None:
        """The goal in words."""
        if self.at_least_times is not None:
            return f">= {self.at_least_times:g} times"
        return None if self.at_most is None else f"<= {self.at_most:g} {self.unit}"

    @property
    def met(self) -> bool | None:
        """Whether the goal was met."""
        if self.at_least_times is not None:
            return self.ratio >= self.at_least_times
        return None if self.at_most is None else max(self.redress) <= self.at_most

    def cells(self) -> list[str]:
        """The row of the table."""
        verdict = {None: "", True: f"{self.goal}: pass", False: f"{self.goal}: MISSED"}[self.met]
        values = [text for side in (self.redress, self.python) for text in self._side(side)]
        return [f"{self.name} ({self.unit})", *values, f"{self.ratio:.1f}", verdict]

    def _side(self, values: Sequence[float]) -> tuple[str, str]:
        digits = 0 if self.unit == "calls" else 1
        return (
            f"{statistics.median(values):.{digits}f}",
            f"{p95(values):.{digits}f}" if len(values) > 1 else "",
        )

    def facts(self) -> dict[str, Any]:
        """The line for programs, with every value."""

        def side(values: Sequence[float]) -> dict[str, Any]:
            return {
                "median": round(statistics.median(values), 3),
                "p95": round(p95(values), 3),
                "max": round(max(values), 3),
                "values": [round(value, 3) for value in values],
            }

        return {
            "name": self.name,
            "unit": self.unit,
            "redress": side(self.redress),
            "python": side(self.python),
            "ratio": round(self.ratio, 2),
            "goal": self.goal,
            "met": self.met,
        }


def table(lines: Iterable[Line]) -> str:
    """All lines in columns."""
    return columns([["", "Redress", "p95", "Python", "p95", "ratio", "goal"], *(line.cells() for line in lines)])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """A head and rows; all but what is first and last are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def text(row: Sequence[str]) -> str:
        first, *numbers, last = row
        padded = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        return "  ".join([first.ljust(widths[0]), *padded, last]).rstrip()

    return "\n".join([text(rows[0]), "-" * (sum(widths) + 2 * len(widths) - 2), *map(text, rows[1:])])


def packed_mb(files: Iterable[tuple[Path, str]]) -> tuple[float, float]:
    """The size of files as they are, and in a zip as Lambda takes it."""
    packed, size = io.BytesIO(), 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in files:
            size += path.stat().st_size
            archive.write(path, name)
    return size / MB, packed.tell() / MB


def python_package() -> list[tuple[Path, str]]:
    """The files which the peer needs beside its handler: all that is installed here but the installers.

    Without bytecode, which packages usually leave out.
    """
    return [
        (Path(str(file.locate())), str(file))
        for distribution in importlib.metadata.distributions()
        if distribution.metadata["Name"] not in ("pip", "setuptools")
        for file in distribution.files or ()
        if file.suffix != ".pyc" and ".." not in file.parts
    ]


def machine() -> dict[str, Any]:
    """Where it was measured."""
    processors = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in processors if line.startswith("model name")), "")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MB,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def versions(root: Path) -> dict[str, str]:
    """What was measured."""
    peers = {name: importlib.metadata.version(name) for name in ("awslambdaric", "boto3", "botocore")}
    return {**own_versions(root), **peers}


def own_versions(root: Path) -> dict[str, str]:
    """Redress's version, its compiler's and this Python's."""
    cargo = tomllib.loads((root / "Cargo.toml").read_text())
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False, cwd=root)
    return {
        "redress": cargo["workspace"]["package"]["version"],
        "rustc": rustc.stdout.split()[1] if rustc.returncode == 0 else "unknown",
        "python": platform.python_version(),
    }
