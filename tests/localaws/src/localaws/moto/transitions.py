"""Changes that take their time: how many looks it takes until something is ready can be set for an account.

moto does everything at once, and so does this unless a test says otherwise. What is under way stays in its
state for so many further calls that describe it, and then it is done.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

_KINDS = frozenset({"rds", "standards", "conformance-pack", "inspector"})


@dataclass
class _Change:
    names: frozenset[str]
    left: int
    finish: Callable[[], Any]


_steps: dict[tuple[str, str], int] = defaultdict(int)
_under_way: dict[tuple[str, str, str], list[_Change]] = defaultdict(list)
_lock = threading.RLock()


def slow(account: str, kind: str, steps: int) -> dict[str, int]:
    """Let the changes of a kind that begin from now on in an account take so many looks."""
    if kind not in _KINDS:
        raise ValueError(f"kind {kind}: one of {', '.join(sorted(_KINDS))}")
    _steps[account, kind] = steps
    return {"steps": steps}


def begin(
    place: tuple[str, str, str], names: Collection[str], thing: Any, status: str, finish: Callable[[], Any]
) -> None:
    """Put a thing into a state of transition; `place` is account, region and what is described together."""
    steps = _steps[place[0], "rds"]
    if steps <= 0:
        finish()
        return
    thing.status = status
    with _lock:
        _under_way[place].append(_Change(frozenset(name.lower() for name in names), steps, finish))


def begin_after(place: tuple[str, str, str], names: Collection[str], finish: Callable[[], Any]) -> None:
    """Let something be done at the first look, or so many looks later; `place` ends with its kind."""
    with _lock:
        names = frozenset(name.lower() for name in names)
        _under_way[place].append(_Change(names, _steps[place[0], place[2]], finish))


@dataclass
class Passing:
    """A status that is told as under way for so many looks, and then as done."""

    under_way: str
    done: str
    left: int = 0

    @property
    def now(self) -> str:
        return self.under_way if self.left > 0 else self.done

    def look(self) -> str:
        """What somebody who looks is told."""
        told = self.now
        self.left = max(self.left - 1, 0)
        return told


def passing(account: str, kind: str, under_way: str, done: str) -> Passing:
    """A change of a kind that begins now."""
    return Passing(under_way, done, _steps[account, kind])


def look(place: tuple[str, str, str], name: str | None) -> None:
    """Somebody describes what goes by a name, or everything."""
    with _lock:
        for change in list(_under_way[place]):
            if name is not None and name.lower().rpartition(":")[2] not in change.names:
                continue
            if change.left > 0:
                change.left -= 1
            else:
                _under_way[place].remove(change)
                change.finish()
