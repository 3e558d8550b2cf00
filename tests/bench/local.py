"""The local AWS as the benchmark uses it: started for a while, with fresh buckets that have a finding each."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from runtime_api import Failed

ROOT = Path(__file__).resolve().parents[2]
FINDING = ROOT / "events/securityhub/S3.5.json"
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Case:
    """A bucket that lacks the deny, and the finding about it."""

    account: str
    bucket: str
    finding: dict[str, Any]

    def job(self) -> dict[str, Any]:
        """What the router makes of the finding."""
        resource = self.finding["Resources"][0]
        return {
            "intent": "automatic",
            "controls": ["S3.5"],
            "resource": {
                "kind": resource["Type"],
                "id": resource["Id"],
                "account": self.account,
                "region": resource["Region"],
                "partition": "aws",
            },
            "finding": {"id": self.finding["Id"], "product": self.finding["ProductArn"]},
            "request": {"event": "event", "at": None},
        }


def batch(job: Mapping[str, Any]) -> dict[str, Any]:
    """An SQS event with one job, as Lambda hands it over."""
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "receipt",
        "body": json.dumps(job),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(time.time() * 1000)),
            "MessageGroupId": "lane",
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:200000000000:redress-jobs.fifo",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


def door(endpoint: str, method: str, name: str, body: Any = None) -> Any:
    """What a door of the local AWS answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}/_local/{name}", data, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


class Local:
    """A running local AWS."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.endpoint: str = report["endpoint"]
        self.region: str = report["region"]
        self.admin: str = report["admin"]
        self.member: str = report["members"][0]
        self._stack: Mapping[str, str] = report["stack"]
        self._hub = self.client("securityhub", self.member)
        self._s3 = self.client("s3", self.member)

    def client(self, service: str, account: str) -> Any:
        """A client of an account's root."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=account,
            aws_secret_access_key="root",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def remediator(self) -> tuple[str, dict[str, str]]:
        """The deployed remediator's ARN, and the environment that Lambda gives it."""
        functions = self.client("lambda", self.admin).list_functions()["Functions"]
        found = next(f for f in functions if "CisRemediator" in f["FunctionName"])
        role = self._stack["RemediatorRoleArn"]
        keys = self.client("sts", self.admin).assume_role(RoleArn=role, RoleSessionName="bench")["Credentials"]
        environment = {
            **found["Environment"]["Variables"],
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": found["FunctionName"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(found["MemorySize"]),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{found['FunctionName']}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
            "_HANDLER": found.get("Handler", "bootstrap"),
        }
        return found["FunctionArn"], environment

    def case(self) -> Case:
        """A fresh bucket with a policy of its own, and a finding that is not imported yet."""
        bucket = f"bench-{uuid.uuid4()}"
        self._s3.create_bucket(Bucket=bucket)
        read = {
            "Sid": "Read",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{self.member}:root"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [read]}
        self._s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        envelope = json.loads(FINDING.read_text())
        given = envelope["detail"]["findings"][0]
        changes = {
            given["Resources"][0]["Details"]["AwsS3Bucket"]["Name"]: bucket,
            given["Id"].rpartition("/")[2]: str(uuid.uuid4()),
            given["AwsAccountId"]: self.member,
        }
        text = json.dumps(given)
        for old, new in changes.items():
            text = text.replace(old, new)
        return Case(self.member, bucket, json.loads(text))

    def send(self, case: Case, **changes: Any) -> None:
        """Import the finding."""
        answer = self._hub.batch_import_findings(Findings=[{**case.finding, **changes}])
        if answer["FailedCount"]:
            raise Failed(f"the finding was not imported: {answer}")

    def quiet_case(self) -> Case:
        """A case whose finding no rule passes on: the deployed functions leave it to the process under test."""
        case = self.case()
        self.send(case, Compliance={**case.finding["Compliance"], "Status": "PASSED"})
        return case

    def _told(self, case: Case) -> tuple[str, str]:
        """The finding's workflow status and note."""
        wanted = {"Id": [{"Value": case.finding["Id"], "Comparison": "EQUALS"}]}
        finding = self._hub.get_findings(Filters=wanted)["Findings"][0]
        return finding["Workflow"]["Status"], finding.get("Note", {}).get("Text", "")

    def seconds_to_resolved(self, case: Case) -> float:
        """From before the import until the finding says RESOLVED; looked at every few milliseconds."""
        started = time.perf_counter()
        self.send(case)
        while self._told(case)[0] == "NEW" and time.perf_counter() - started < 60:
            time.sleep(POLL_SECONDS)
        taken = time.perf_counter() - started
        self.check(case)
        return taken

    def check(self, case: Case) -> None:
        """That the bucket denies plain HTTP, still has its own statement, and the finding is resolved."""
        policy = json.loads(self._s3.get_bucket_policy(Bucket=case.bucket)["Policy"])
        effects = [statement["Effect"] for statement in policy["Statement"]]
        status, note = self._told(case)
        if effects != ["Allow", "Deny"] or status != "RESOLVED":
            raise Failed(f"{case.bucket} was not remediated: policy {effects}, finding {status}, note `{note}`")

    def forget_calls(self) -> None:
        """Empty the log of calls."""
        door(self.endpoint, "DELETE", "calls")

    def calls(self) -> list[str]:
        """The actions in the log, in order. Entering a member is logged on both sides and counted once."""
        return [
            call["action"]
            for call in door(self.endpoint, "GET", "calls")
            if not (call["action"] == "sts:AssumeRole" and call["source"] == "member")
        ]


@contextmanager
def up(options: Sequence[str], log: Path) -> Iterator[dict[str, Any]]:
    """Start a local AWS and tell what it says of itself; it ends with the context, or with us."""
    command = [str(ROOT / ".venv/front/bin/python"), "-m", "localaws", "up", *options]
    command += ["--moto-python", str(ROOT / ".venv/moto/bin/python"), "--log", str(log)]
    with subprocess.Popen(
        command,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "tests/localaws/src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise Failed(f"the local AWS did not start: see {log}")
            yield json.loads(line)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def local_aws(functions: Mapping[str, Path], log: Path) -> Iterator[Local]:
    """Start a local AWS with the real template and these binaries."""
    options = ["--modes", "auto", "--accounts", "1"]
    options += ["--template", str(ROOT / "infra/template.yaml")]
    options += ["--member-role", str(ROOT / "infra/member-role.yaml")]
    for name, path in functions.items():
        options += ["--function", f"{name}={path}"]
    with up(options, log) as report:
        yield Local(report)
