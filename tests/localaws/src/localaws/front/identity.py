"""Which account do credentials belong to?

A 12-digit access key is the root of that account and may do everything. Other keys are known to the
emulator that issued them.
"""

from __future__ import annotations

import asyncio
import re

from localaws.front.moto_client import Moto
from localaws.front.platform import Platform

_ACCOUNT = re.compile(r"\d{12}")


def is_root(access_key: str) -> bool:
    """Whether the key stands for an account itself."""
    return _ACCOUNT.fullmatch(access_key) is not None


class Identity:
    """Accounts by access key. Keys of moto are remembered, as keys never change hands."""

    def __init__(self, platform: Platform, moto: Moto) -> None:
        self._platform = platform
        self._moto = moto
        self._known: dict[str, str] = {}

    async def account_of(self, access_key: str) -> str | None:
        """The account, or None for credentials nobody issued."""
        if is_root(access_key):
            return access_key
        if account := self._known.get(access_key) or self._platform.account_of(access_key):
            return account
        status, found = await asyncio.to_thread(self._moto.door, "whose-key", {"access_key": access_key})
        if status == 200:
            self._known[access_key] = found["account"]
        return self._known.get(access_key)
