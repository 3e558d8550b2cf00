"""Errors in the format of the protocol the request speaks, so that every SDK reads code and message."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from localaws.front.request import Request, Response

_QUERY = frozenset(
    {"autoscaling", "cloudformation", "elasticloadbalancing", "email", "iam", "rds", "sns", "sts"}
)
_REST_XML = frozenset({"cloudfront", "route53", "s3"})
_XML = "text/xml"


def protocol_of(request: Request) -> str:
    """ec2, query, rest-xml, cbor or json."""
    if request.service == "ec2":
        return "ec2"
    if "cbor" in request.headers.get("smithy-protocol", ""):
        return "cbor"
    if request.service in _QUERY or (
        request.service == "monitoring" and "x-amz-target" not in request.headers
    ):
        return "query"
    return "rest-xml" if request.service in _REST_XML else "json"


def _cbor_text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 24:
        return bytes([0x60 + len(raw)]) + raw
    return b"\x79" + len(raw).to_bytes(2, "big") + raw


def _cbor_map(values: dict[str, str]) -> bytes:
    pairs = (_cbor_text(key) + _cbor_text(value) for key, value in values.items())
    return bytes([0xA0 + len(values)]) + b"".join(pairs)


def error(request: Request, status: int, code: str, message: str) -> Response:
    """An error response."""
    request_id = str(uuid.uuid4())
    ids = [("x-amzn-requestid", request_id), ("x-amz-request-id", request_id)]
    fields = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    match protocol_of(request):
        case "ec2":
            body = (
                f"<Response><Errors><Error>{fields}</Error></Errors>"
                f"<RequestID>{request_id}</RequestID></Response>"
            )
            return Response(status, [("content-type", _XML), *ids], body.encode())
        case "query":
            kind = "Receiver" if status >= 500 else "Sender"
            body = (
                f"<ErrorResponse><Error><Type>{kind}</Type>{fields}</Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
            return Response(status, [("content-type", _XML), *ids], body.encode())
        case "rest-xml" if request.service != "s3" or request.raw_path.startswith("/v20180820/"):
            body = (
                f"<ErrorResponse><Error>{fields}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
            return Response(status, [("content-type", "application/xml"), *ids], body.encode())
        case "rest-xml":
            body = f"<Error>{fields}<RequestId>{request_id}</RequestId></Error>"
            return Response(status, [("content-type", "application/xml"), *ids], body.encode())
        case "cbor":
            headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"), *ids]
            return Response(status, headers, _cbor_map({"__type": code, "message": message}))
    headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-errortype", code), *ids]
    if request.service == "sqs":
        headers.append(("x-amzn-query-error", f"{code};Sender"))
    return Response(status, headers, json.dumps({"__type": code, "message": message}).encode())


def denied(request: Request, principal: str, action: str, resource: str | None, reason: str) -> Response:
    """A refusal by IAM, in AWS's wording."""
    where = f" on resource: {resource or '*'}"
    message = f"User: {principal} is not authorized to perform: {action}{where} {reason}".rstrip()
    match protocol_of(request):
        case "ec2":
            return error(
                request,
                403,
                "UnauthorizedOperation",
                f"You are not authorized to perform this operation. {message}",
            )
        case "json":
            status = 400 if "x-amz-target" in request.headers else 403
            return error(request, status, "AccessDeniedException", message)
    return error(request, 403, "AccessDenied", message)
