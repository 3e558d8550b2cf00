"""Which API operation is this request? Answered from botocore's service models, for every protocol.

Query and EC2 requests name their operation in the form, JSON ones in X-Amz-Target, CBOR ones in the path;
REST operations are recognised by method, path template and the query keys and headers they require.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from localaws.front.request import Request

_MODELS = {
    "access-analyzer": "accessanalyzer",
    "elasticfilesystem": "efs",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
_RPC_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")


@dataclass(frozen=True)
class Operation:
    """`service` is the signing name; `params` the request's values as far as they are cheap to read."""

    service: str
    name: str
    params: dict[str, Any] = field(default_factory=dict)

    def text(self, key: str) -> str | None:
        """A parameter which is a plain text."""
        value = self.params.get(key)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True)
class _Route:
    name: str
    method: str
    path: re.Pattern[str]
    labels: tuple[str, ...]
    literals: int
    fixed: tuple[tuple[str, str], ...]
    needs_query: frozenset[str]
    needs_headers: frozenset[str]


def _compile(template: str) -> tuple[re.Pattern[str], tuple[str, ...], int]:
    labels: list[str] = []
    pattern = ""
    for part in re.split(r"(\{[^}]+\})", template):
        if part.startswith("{"):
            labels.append(part.strip("{}+"))
            pattern += "(.+)" if part.endswith("+}") else "([^/]+)"
        else:
            pattern += re.escape(part)
    literals = sum(bool(s) and not s.startswith("{") for s in template.split("/"))
    return re.compile(pattern.rstrip("/") + "/?"), tuple(labels), literals


@lru_cache(maxsize=64)
def _routes(model_name: str) -> tuple[_Route, ...]:
    try:
        model = Loader().load_service_model(model_name, "service-2")
    except UnknownServiceError:
        return ()
    routes = []
    for name, operation in model["operations"].items():
        path, _, query = operation["http"]["requestUri"].partition("?")
        shape = model["shapes"].get(operation.get("input", {}).get("shape", ""), {})
        required = {m: shape["members"][m] for m in shape.get("required", [])}
        pattern, labels, literals = _compile(path)
        routes.append(
            _Route(
                name,
                operation["http"]["method"],
                pattern,
                labels,
                literals,
                tuple((k, v[0]) for k, v in parse_qs(query, keep_blank_values=True).items()),
                frozenset(m["locationName"] for m in required.values() if m.get("location") == "querystring"),
                frozenset(
                    m["locationName"].lower() for m in required.values() if m.get("location") == "header"
                ),
            )
        )
    return tuple(routes)


def _rest(model_name: str, request: Request) -> tuple[str, dict[str, Any]] | None:
    query = request.query
    best: tuple[tuple[int, int], _Route, re.Match[str]] | None = None
    for route in _routes(model_name):
        if route.method != request.method or not (found := route.path.fullmatch(request.raw_path)):
            continue
        if any(k not in query or (v and query[k][0] != v) for k, v in route.fixed):
            continue
        if not route.needs_query <= query.keys() or not route.needs_headers <= request.headers.keys():
            continue
        score = (route.literals, len(route.fixed) + len(route.needs_query) + len(route.needs_headers))
        if best is None or score > best[0]:
            best = (score, route, found)
    if best is None:
        return None
    _, route, found = best
    params: dict[str, Any] = {k: v[0] for k, v in query.items()}
    params.update(zip(route.labels, (unquote(value) for value in found.groups()), strict=True))
    return route.name, params


def _json(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def model_of(request: Request) -> str:
    """The botocore model of the service which the request is signed for."""
    if request.service == "s3" and request.raw_path.startswith("/v20180820/"):
        return "s3control"
    return _MODELS.get(request.service, request.service)


def identify(request: Request) -> Operation | None:
    """The operation, or None when the request is none that a model describes."""
    service = "s3control" if model_of(request) == "s3control" else request.service
    if target := request.headers.get("x-amz-target"):
        return Operation(service, target.rpartition(".")[2], _json(request.body))
    if found := _RPC_PATH.fullmatch(request.raw_path):
        return Operation(service, found[1])
    form = request.query
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form |= parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    if request.service != "s3" and "Action" in form:
        return Operation(service, form["Action"][0], {k: v[0] for k, v in form.items()})
    matched = _rest(model_of(request), request)
    if matched is None:
        return None
    name, params = matched
    return Operation(service, name, _json(request.body) | params if service != "s3" else params)
