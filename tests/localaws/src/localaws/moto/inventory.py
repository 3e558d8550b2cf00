"""Everything that is in an account, for the question whether something else changed.

No service is asked: the instance attributes of moto's backends are walked, so that what no API of moto tells
is told too. A resource that a backend keeps has its own key, `service/region/kind/id`, and is a reference
elsewhere; what the resource keeps itself is told with it. What a region has from its start (the default VPC
and the like) is told once it is changed, and as "gone" once it is gone: moto makes these things when a region
is first read, and reading changes nothing.

Left out is what nobody changes on purpose (when something was last used, histories, metrics), what is not the
account's (catalogues), and what is no state of it (sessions, findings). Bytes are hashed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend, backend_lock
from moto.events.models import EventBus
from moto.iam.models import AWSManagedPolicy, Role
from moto.s3.models import FakeBucket, FakeKey
from moto.utilities.tagging_service import TaggingService

_NO_SERVICES = frozenset({"moto_api", "organizations", "resourcegroupstaggingapi", "securityhub", "sts"})
_NO_STATE = re.compile(
    r"_?(account_id|partition|region_name|pristine_things|tick|time|time_progressed|transitions|subnet_ips|unused_ips|subnet_ip_generator|latest_delivery_(time|attempt)|next_markers|pagination_tokens"
    r"|(password_|role_)?last_(used|accessed|activity)(_date)?|attachment_count)"
)
_LEFT_OUT = {
    "cloudwatch": {"metric_data", "paged_metric_data"},
    "config": {"config_schema"},
    "ec2": {"amis", "deleted_amis", "ri_offerings", "ri_offerings_generated"},
    "events": {"next_tokens"},
    "iam": {"access_keys", "aws_managed_policies", "credential_report"},
    "rds": {"db_cluster_options", "events", "resource_map"},
    "sns": {"message_public_keys", "opt_out_numbers"},
}
"""Beside catalogues and histories: what is kept twice, and is told where it belongs."""

_NAMES = ("arn", "id", "name", "key")
_SCALARS = (str, int, float, bool, type(None))
_LISTS = (list, tuple, set, frozenset, deque)
_BACKENDS = (BaseBackend, AccountSpecificBackend, BackendDict)
_VALUES = (*_SCALARS, *_LISTS, Mapping, Enum, bytes, bytearray, date, Decimal)

Found = dict[str, Any]
Extra = Callable[[str], Iterable[tuple[str, Any]]]

_extras: list[Extra] = []


def tell_too(extra: Extra) -> Extra:
    """Add what is kept outside of moto's backends: `extra` yields keys and states of an account."""
    _extras.append(extra)
    return extra


def _is_model(value: Any) -> bool:
    """Whether it is an object with a state of its own."""
    if isinstance(value, (type, *_BACKENDS, *_VALUES)) or callable(value) or not hasattr(value, "__dict__"):
        return False
    return type(value).__module__.startswith(("moto.", "localaws."))


def _is_tool(value: Any) -> bool:
    """What serves an object and is no part of its state: backends, locks, files, functions."""
    return not isinstance(value, _VALUES) and not _is_model(value)


def _holds_models(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_model(inner) or _holds_models(inner) for inner in list(value.values()))
    return isinstance(value, _LISTS) and any(
        _is_model(inner) or _holds_models(inner) for inner in list(value)
    )


def _key_text(name: Any) -> str:
    return "/".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _name(thing: Any, position: int) -> str:
    state = vars(thing)
    named = sorted(name for name in state if name.endswith(("_arn", "_id", "_name")))
    found = (state.get(name) for name in (*_NAMES, *named))
    return next((value for value in found if isinstance(value, str) and value), str(position))


def _is_hollow(state: Any) -> bool:
    """Empty collections come into being when they are looked into."""
    if isinstance(state, (dict, list)):
        return all(map(_is_hollow, state.values() if isinstance(state, dict) else state))
    return state is None


class _Walk:
    """One walk over backends: first everything gets its key, then it is described."""

    def __init__(self) -> None:
        self._keys: dict[int, str] = {}
        self._things: list[tuple[str, Any]] = []

    def collect(self, service: str, region: str, backend: BaseBackend) -> None:
        """Give every thing which a backend keeps its key. Collections come before what points into them."""
        place = f"{service}/{'global' if region == 'aws' else region}"
        kept = {
            name.lstrip("_"): value for name, value in vars(backend).items() if not _NO_STATE.fullmatch(name)
        }
        for kind, value in sorted(kept.items(), key=lambda pair: (_is_model(pair[1]), pair[0])):
            if kind in _LEFT_OUT.get(service, ()) or _is_tool(value):
                continue
            if isinstance(value, TaggingService):
                self._things += [(f"{place}/tags/{arn}", tags) for arn, tags in list(value.tags.items())]
            elif isinstance(value, _SCALARS):
                self._keep(f"{place}/settings/{kind}", value)
            elif _is_model(value) and any(_holds_models(inner) for inner in vars(value).values()):
                for name, inner in vars(value).items():
                    self._keep(f"{place}/{kind}/{name.lstrip('_')}", inner)
            else:
                self._keep(f"{place}/{kind}", value)

    def _keep(self, key: str, value: Any) -> None:
        if isinstance(value, AWSManagedPolicy) or _is_tool(value) or id(value) in self._keys:
            return
        if type(value).__name__ == "Reservation":
            self._keep(key.replace("/reservations/", "/instances/").rpartition("/")[0], value.instances)
        elif _is_model(value):
            self._keys[id(value)] = key
            self._things.append((key, value))
            if isinstance(value, FakeBucket):
                objects = key.replace("/buckets/", "/objects/")
                self._things += [(f"{objects}/{name}", value.keys.getlist(name)) for name in list(value.keys)]
            elif isinstance(value, EventBus):
                self._keep(key.replace("/event_buses/", "/rules/"), value.rules)
        elif isinstance(value, Mapping):
            for name, inner in list(value.items()):
                if _is_tool(inner) or _is_model(inner) or _holds_models(inner):
                    self._keep(f"{key}/{inner.name if isinstance(inner, Role) else _key_text(name)}", inner)
                else:
                    self._things.append((f"{key}/{_key_text(name)}", inner))
        elif isinstance(value, _LISTS) and _holds_models(value):
            for position, inner in enumerate(list(value)):
                self._keep(f"{key}/{_name(inner, position) if _is_model(inner) else position}", inner)
        else:
            self._things.append((key, value))

    def describe(self) -> Found:
        """The state of all that was collected; what is empty is as good as not there."""
        told = {key: self._state(thing, (), kept=True) for key, thing in self._things}
        return {key: state for key, state in told.items() if not _is_hollow(state)}

    def _state(self, value: Any, above: tuple[int, ...], kept: bool = False) -> Any:
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, _SCALARS):
            return value
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, (bytes, bytearray)):
            return f"sha256:{hashlib.sha256(value).hexdigest()}"
        if isinstance(value, AWSManagedPolicy):
            return {"is": value.arn}
        if not kept and id(value) in self._keys:
            return {"is": self._keys[id(value)]}
        if id(value) in above:
            return {"is": "above"}
        return self._inside(value, (*above, id(value)))

    def _inside(self, value: Any, above: tuple[int, ...]) -> Any:
        if isinstance(value, Mapping):
            inner = {_key_text(name): one for name, one in list(value.items()) if not _is_tool(one)}
            return {name: self._state(one, above) for name, one in inner.items()}
        if isinstance(value, _LISTS):
            listed = [self._state(one, above) for one in list(value) if not _is_tool(one)]
            return sorted(listed, key=json.dumps) if isinstance(value, (set, frozenset)) else listed
        if not _is_model(value):
            return str(value)
        state = {
            name.lstrip("_"): self._state(one, above)
            for name, one in list(vars(value).items())
            if not _NO_STATE.fullmatch(name) and not _is_tool(one)
        }
        if isinstance(value, FakeBucket):
            del state["keys"]
        elif isinstance(value, EventBus):
            del state["rules"]
        elif isinstance(value, FakeKey):
            state["value"] = self._state(value.value, above)
        return state


def _backends(account: str) -> Iterator[tuple[str, str, BaseBackend]]:
    for services in list(BackendDict._instances):
        if services.service_name not in _NO_SERVICES and account in dict.keys(services):
            for region, backend in list(dict.items(services[account])):
                yield services.service_name, region, backend


def _told(backends: Iterable[tuple[str, str, BaseBackend]]) -> Found:
    walk = _Walk()
    for service, region, backend in backends:
        walk.collect(service, region, backend)
    return walk.describe()


def tell(account: str) -> Found:
    """Keys and states of all that is in an account."""
    with backend_lock:
        backends = sorted(_backends(account), key=lambda one: one[:2])
        found = _told(backends)
        for extra in _extras:
            found |= dict(extra(account))
        pristine: Found = {}
        for _, _, backend in backends:
            pristine |= getattr(backend, "pristine_things", {})
    gone = dict.fromkeys(pristine.keys() - found.keys(), "gone")
    return {
        key: state for key, state in (found | gone).items() if key not in pristine or state != pristine[key]
    }


def apply() -> None:
    """Remember what every backend has when it is made."""
    get = AccountSpecificBackend.__getitem__

    def get_item(self: AccountSpecificBackend[Any], region: str) -> Any:
        region = "aws" if region == "global" else region
        known = dict.get(self, region)
        if known is not None and hasattr(known, "pristine_things"):
            return known
        with backend_lock:
            backend = get(self, region)
            if not hasattr(backend, "pristine_things"):
                backend.pristine_things = {}
                if self.service_name not in _NO_SERVICES:
                    backend.pristine_things = _told([(self.service_name, region, backend)])
        return backend

    AccountSpecificBackend.__getitem__ = get_item
