"""Smithy RPC v2 CBOR, which the Rust SDK speaks to CloudWatch and moto does not: AWS JSON further in.

Translates a request on its way in and the response on its way out. Timestamps are the only values which
differ between the two: CBOR tags them, JSON writes seconds; the operation's own shapes say where they are.

See https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import cbor2
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from localaws.front.request import Request, Response

_PROTOCOL = "rpc-v2-cbor"
_MODELS = {"monitoring": "cloudwatch"}


def speaks(request: Request) -> bool:
    """Whether a request comes in this protocol."""
    return request.headers.get("smithy-protocol") == _PROTOCOL


def to_json(request: Request) -> Request:
    """The same request as AWS JSON 1.0."""
    _, _, service, _, operation = request.raw_path.split("/", 4)
    told = {n: v for n, v in request.headers.items() if n not in ("smithy-protocol", "accept")}
    headers = told | {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"{service}.{operation}"}
    body = json.dumps(cbor2.loads(request.body) if request.body else {}, default=_seconds).encode()
    return replace(request, raw_path="/", headers=headers, body=body)


def to_cbor(request: Request, response: Response) -> Response:
    """The response to the JSON form of `request`, as CBOR."""
    told = json.loads(response.body or b"{}")
    if response.status == 200:
        name = request.headers["x-amz-target"].rpartition(".")[2]
        told = _dated(told, _model(request.service).operation_model(name).output_shape)
    body = cbor2.dumps(told, timezone=UTC, datetime_as_timestamp=True)
    headers = [("content-type", "application/cbor"), ("smithy-protocol", _PROTOCOL)]
    return Response(response.status, headers, body)


@lru_cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(_MODELS.get(service, service), "service-2"))


def _seconds(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{value!r} has no JSON form")


def _dated(value: Any, shape: Shape | None) -> Any:
    if shape is None or value is None:
        return value
    if shape.type_name == "structure":
        return {n: _dated(v, shape.members.get(n)) for n, v in value.items()}
    if shape.type_name == "list":
        return [_dated(item, shape.member) for item in value]
    if shape.type_name == "timestamp":
        seconds = value if isinstance(value, int | float) else datetime.fromisoformat(value).timestamp()
        return datetime.fromtimestamp(seconds, UTC)
    return value
