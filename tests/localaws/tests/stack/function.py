#!/usr/bin/env python3
"""A function for the tests: tells what it gets and who it is, and fails messages that say `please fail`."""

import http.client
import json
import os

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
RUNTIME = "/2018-06-01/runtime/invocation"


def exchange(method: str, path: str, body: str | None = None) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(API)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer, answer.read()


def main() -> None:
    while True:
        invocation, event = exchange("GET", f"{RUNTIME}/next")
        records = json.loads(event).get("Records", [])
        for record in records:
            attributes = record["attributes"]
            seen = {
                "body": record["body"],
                "group": attributes.get("MessageGroupId"),
                "receives": int(attributes["ApproximateReceiveCount"]),
                "endpoint": os.environ["AWS_ENDPOINT_URL"],
                "credentials": [
                    os.environ["AWS_ACCESS_KEY_ID"],
                    os.environ["AWS_SECRET_ACCESS_KEY"],
                    os.environ["AWS_SESSION_TOKEN"],
                ],
            }
            print("seen " + json.dumps(seen), flush=True)
        failed = [{"itemIdentifier": r["messageId"]} for r in records if "please fail" in r["body"]]
        request_id = invocation.getheader("Lambda-Runtime-Aws-Request-Id")
        exchange("POST", f"{RUNTIME}/{request_id}/response", json.dumps({"batchItemFailures": failed}))


if __name__ == "__main__":
    main()
