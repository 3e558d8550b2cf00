"""IAM Access Analyzer's analyzers, which moto has not at all. They analyze nothing and find nothing.

One analyzer of a kind is allowed per account and region (AWS's quota), five that look at the whole
organization, and those only in the management account and the administrator's. The first of an account makes
the service-linked role, which the caller must be allowed to make: the front asks for it.
"""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from localaws.moto.inventory import tell_too
from localaws.moto.wsgi import Answer, Environ, account_of, body_of, json_answer, scope_of
from localaws.world import ADMIN, MANAGEMENT

_TYPES = frozenset(
    f"{zone}{kind}"
    for zone in ("ACCOUNT", "ORGANIZATION")
    for kind in ("", "_INTERNAL_ACCESS", "_UNUSED_ACCESS")
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}")
_QUOTA = {"ACCOUNT": 1, "ORGANIZATION": 5}
_PAGE = 100

Analyzer = dict[str, Any]
_regions: dict[tuple[str, str], dict[str, Analyzer]] = defaultdict(dict)
_lock = threading.RLock()


class AnalyzerError(Exception):
    """An error of the service, with the members which its shape has beside the message."""

    def __init__(self, status: int, code: str, message: str, **members: str) -> None:
        super().__init__(message)
        self.status, self.code, self.members = status, code, members


def _invalid(message: str) -> AnalyzerError:
    return AnalyzerError(400, "ValidationException", message, reason="fieldValidationFailed")


def _missing(name: str) -> AnalyzerError:
    return AnalyzerError(
        404,
        "ResourceNotFoundException",
        f"Analyzer with name: {name} cannot be found.",
        resourceId=name,
        resourceType="ANALYZER",
    )


class _Call:
    """One request, in the name of an account, in a region."""

    def __init__(self, account: str, region: str, query: dict[str, str], body: dict[str, Any]) -> None:
        self.account, self.region, self.query, self.body = account, region, query, body
        self.analyzers = _regions[account, region]

    def create(self) -> dict[str, Any]:
        name, kind = self.body.get("analyzerName", ""), self.body.get("type")
        if not _NAME.fullmatch(name):
            raise _invalid("Invalid analyzerName")
        if kind not in _TYPES:
            raise _invalid(f"Invalid type: {kind}")
        zone = kind.split("_")[0]
        if zone == "ORGANIZATION" and self.account not in (ADMIN, MANAGEMENT):
            raise _invalid(f"The account {self.account} is no delegated administrator of an organization.")
        if name in self.analyzers:
            raise AnalyzerError(
                409,
                "ConflictException",
                f"Analyzer with name: {name} already exists.",
                resourceId=name,
                resourceType="ANALYZER",
            )
        if sum(a["type"] == kind for a in self.analyzers.values()) >= _QUOTA[zone]:
            raise AnalyzerError(
                402,
                "ServiceQuotaExceededException",
                f"You have reached the quota of {_QUOTA[zone]} for analyzers of the type {kind}.",
                resourceId=name,
                resourceType="ANALYZER",
            )
        analyzer = {
            "arn": f"arn:aws:access-analyzer:{self.region}:{self.account}:analyzer/{name}",
            "name": name,
            "type": kind,
            "createdAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "status": "ACTIVE",
            "tags": dict(self.body.get("tags") or {}),
        }
        if self.body.get("configuration"):
            analyzer["configuration"] = self.body["configuration"]
        self.analyzers[name] = analyzer
        return {"arn": analyzer["arn"]}

    def list(self) -> dict[str, Any]:
        kind, size = self.query.get("type"), int(self.query.get("maxResults") or _PAGE)
        if kind is not None and kind not in _TYPES:
            raise _invalid(f"Invalid type: {kind}")
        if size < 1:
            raise _invalid("Invalid maxResults")
        start = int(self.query.get("nextToken") or 0)
        found = [a for a in self.analyzers.values() if kind in (None, a["type"])]
        told = [{k: v for k, v in a.items() if k != "configuration"} for a in found[start : start + size]]
        more = {"nextToken": str(start + size)} if start + size < len(found) else {}
        return {"analyzers": told, **more}

    def get(self, name: str) -> dict[str, Any]:
        return {"analyzer": self._named(name)}

    def delete(self, name: str) -> dict[str, Any]:
        self._named(name)
        del self.analyzers[name]
        return {}

    def list_tags(self, arn: str) -> dict[str, Any]:
        return {"tags": self._at(arn)["tags"]}

    def tag(self, arn: str) -> dict[str, Any]:
        self._at(arn)["tags"] |= self.body["tags"]
        return {}

    def untag(self, arn: str, keys: list[str]) -> dict[str, Any]:
        tags = self._at(arn)["tags"]
        for key in keys:
            tags.pop(key, None)
        return {}

    def _named(self, name: str) -> Analyzer:
        if name not in self.analyzers:
            raise _missing(name)
        return self.analyzers[name]

    def _at(self, arn: str) -> Analyzer:
        analyzer = self._named(arn.rpartition("/")[2])
        if analyzer["arn"] != arn:
            raise _missing(arn)
        return analyzer


@tell_too
def _everything(account: str) -> Iterator[tuple[str, Analyzer]]:
    for (owner, region), analyzers in list(_regions.items()):
        for name, analyzer in list(analyzers.items()) if owner == account else ():
            yield f"access-analyzer/{region}/analyzers/{name}", dict(analyzer)


def _dispatch(environ: Environ, region: str) -> dict[str, Any]:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].rstrip("/")
    lists = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    query = {key: values[0] for key, values in lists.items()}
    call = _Call(account_of(environ), region, query, json.loads(body_of(environ) or b"{}"))
    kind, _, name = path.removeprefix("/").partition("/")
    name = unquote(name)
    routes: dict[tuple[str, str, bool], Callable[[], dict[str, Any]]] = {
        ("PUT", "analyzer", False): call.create,
        ("GET", "analyzer", False): call.list,
        ("GET", "analyzer", True): lambda: call.get(name),
        ("DELETE", "analyzer", True): lambda: call.delete(name),
        ("GET", "tags", True): lambda: call.list_tags(name),
        ("POST", "tags", True): lambda: call.tag(name),
        ("DELETE", "tags", True): lambda: call.untag(name, lists.get("tagKeys", [])),
    }
    route = routes.get((method, kind, bool(name)))
    if route is None:
        raise AnalyzerError(
            400, "ValidationException", f"{method} {path} is not written", reason="unknownOperation"
        )
    with _lock:
        return route()


def answer(environ: Environ) -> Answer | None:
    """Access Analyzer's answer, or None for another service."""
    scope = scope_of(environ)
    if scope is None or scope[2] != "access-analyzer":
        return None
    try:
        return json_answer(_dispatch(environ, scope[1]))
    except AnalyzerError as failure:
        told = {"message": str(failure), **failure.members}
        return json_answer(told, failure.status, [("x-amzn-errortype", failure.code)])
