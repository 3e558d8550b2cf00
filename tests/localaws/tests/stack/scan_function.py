#!/usr/bin/env python3
"""The functions of the state machine: one plans, one works on an item and fails as the item says, one
tells."""

import http.client
import json
import os
from typing import Any

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
RUNTIME = "/2018-06-01/runtime/invocation"
_tries: dict[str, int] = {}


def exchange(host: str, method: str, path: str, body: str | None, headers: dict[str, str]) -> Any:
    connection = http.client.HTTPConnection(host)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def write(key: str, items: list[Any]) -> None:
    # As root of the account: a signature is more than this function needs.
    scope = "Credential=200000000000/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    host = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    headers = {"authorization": f"AWS4-HMAC-SHA256 {scope}", "content-type": "application/json"}
    answer, told = exchange(host, "PUT", f"/{os.environ['BUCKET']}/{key}", json.dumps(items), headers)
    if answer.status != 200:
        raise RuntimeError(told.decode())


def plan(event: dict[str, Any]) -> dict[str, Any]:
    key, items = f"items/{event['run']}.json", event["input"].get("items", [])
    regions_key, regions = f"items/{event['run']}-regions.json", event["input"].get("regions", [])
    write(key, items)
    write(regions_key, regions)
    return {"key": key, "regions_key": regions_key, "count": len(items)}


def work(event: dict[str, Any]) -> dict[str, Any]:
    item = str(event["item"])
    name = f"{event['run']}/{item}"
    _tries[name] = _tries.get(name, 0) + 1
    if item.startswith("bad"):
        raise ValueError(f"{item} fails")
    if item.startswith("caught"):
        raise RuntimeError("Caught")
    if item.startswith("flaky") and _tries[name] < 3:
        raise RuntimeError("Flaky")
    return {"item": item, "why": event["why"], "done": True}


def tell(event: dict[str, Any]) -> dict[str, Any]:
    return {"told": True, **event}


def main() -> None:
    step = {"plan": plan, "work": work, "tell": tell}[os.environ["STEP"]]
    while True:
        invocation, event = exchange(API, "GET", f"{RUNTIME}/next", None, {})
        path = f"{RUNTIME}/{invocation.getheader('Lambda-Runtime-Aws-Request-Id')}"
        try:
            body, path = json.dumps(step(json.loads(event))), f"{path}/response"
        except Exception as failure:
            kind = str(failure) if str(failure) in ("Caught", "Flaky") else type(failure).__name__
            body, path = json.dumps({"errorType": kind, "errorMessage": str(failure)}), f"{path}/error"
        exchange(API, "POST", path, body, {})


if __name__ == "__main__":
    main()
