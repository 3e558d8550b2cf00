"""CloudWatch as the Rust SDK speaks to it: Smithy RPC v2 CBOR."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
from conftest import Local


def call(local: Local, account: str, operation: str, told: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    scope = f"{account}/20260101/us-east-1/monitoring/aws4_request"
    headers = {
        "Smithy-Protocol": "rpc-v2-cbor",
        "Content-Type": "application/cbor",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x",
    }
    url = f"{local.endpoint}/service/GraniteServiceVersion20100801/operation/{operation}"
    body = cbor2.dumps(told, timezone=UTC, datetime_as_timestamp=True)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method="POST")) as answer:
            return answer.status, cbor2.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, cbor2.loads(error.read())


def statistics(account: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "Namespace": "AWS/EC2",
        "MetricName": "MetadataNoToken",
        "StartTime": now - timedelta(days=1),
        "EndTime": now + timedelta(minutes=1),
        "Period": 3600,
        "Statistics": ["Sum"],
    }


def test_what_was_put_is_summed_and_its_time_is_a_time(local: Local, account: str) -> None:
    local.client("cloudwatch", account).put_metric_data(
        Namespace="AWS/EC2", MetricData=[{"MetricName": "MetadataNoToken", "Value": 3.0}]
    )
    status, told = call(local, account, "GetMetricStatistics", statistics(account))
    points = told["Datapoints"]
    assert (status, [point["Sum"] for point in points]) == (200, [3.0])
    assert isinstance(points[0]["Timestamp"], datetime)


def test_an_error_is_told_in_the_same_protocol(local: Local, account: str) -> None:
    fault = {"service": "cloudwatch", "operation": "GetMetricStatistics", "account": account}
    local.door("POST", "faults", fault)
    status, told = call(local, account, "GetMetricStatistics", statistics(account))
    assert status >= 400
    assert "Throttling" in told["__type"]
