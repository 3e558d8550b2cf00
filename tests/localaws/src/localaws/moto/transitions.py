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

_KINDS = frozenset({"rds"})


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
