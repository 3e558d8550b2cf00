"""One local AWS for all tests, with the small stack of `stack/`; every test takes accounts of its own."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src"
ROOT = HERE.parents[2]
STACK = HERE / "stack"
REGION = "us-east-1"

sys.path.insert(0, str(SOURCE))

Credentials = tuple[str, str, str | None]


class Local:
    """The running local AWS as the tests use it."""

    def __init__(self, report: dict[str, Any]) -> None:
        self.report = report
        self.endpoint = report["endpoint"]
        self.admin = report["admin"]
        self.stack = report["stack"]
        self._accounts = itertools.count(400000000001)

    def door(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/_local/{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read())

    def account(self, **options: Any) -> str:
        """A fresh member account."""
        account = str(next(self._accounts))
        status, answer = self.door("POST", "accounts", {"account": account, **options})
        assert status == 200, answer
        return account

    def client(self, service: str, who: str | Credentials, region: str = REGION) -> Any:
        """A client of an account's root or of a session."""
        key, secret, token = (who, "test", None) if isinstance(who, str) else who
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def assume(self, caller: str | Credentials, role_arn: str, **options: Any) -> Credentials:
        sts = self.client("sts", caller)
        got = sts.assume_role(RoleArn=role_arn, RoleSessionName="test", **options)["Credentials"]
        return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]

    def member_role(self, account: str) -> str:
        return f"arn:aws:iam::{account}:role/RedressMemberRole"

    def seen(self, function: str, text: str) -> list[dict[str, Any]]:
        """The messages with `text` which a function has seen, in order."""
        _, answer = self.door("GET", f"logs?function={function}")
        lines = [json.loads(line[5:]) for line in answer["lines"] if line.startswith("seen ")]
        return [line for line in lines if text in line["body"]]


def eventually(look: Callable[[], Any], seconds: float = 10) -> Any:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def finding(account: str, name: str = "finding", **changes: Any) -> dict[str, Any]:
    """A failed control finding of Security Hub's own product."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"arn:aws:securityhub:{REGION}:{account}:security-control/S3.5/finding/{name}",
        "ProductArn": f"arn:aws:securityhub:{REGION}::product/aws/securityhub",
        "GeneratorId": "security-control/S3.5",
        "AwsAccountId": account,
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": "2026-01-01T00:00:00.000Z",
        "UpdatedAt": "2026-01-01T00:00:00.000Z",
        "Severity": {"Label": "MEDIUM"},
        "Title": "Buckets should require TLS",
        "Description": "This bucket does not.",
        "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::a-bucket"}],
        "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.5"},
        "RecordState": "ACTIVE",
        **changes,
    }


def binary(directory: Path, source: str) -> Path:
    """A script of the stack as a function's binary."""
    made = directory / source.removesuffix(".py")
    shutil.copy(STACK / source, made)
    made.chmod(0o755)
    return made


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Local]:
    """A local AWS with these options, until the block is left."""
    moto_python = os.environ.get("MOTO_PYTHON", str(ROOT / ".venv/moto/bin/python"))
    command = [sys.executable, "-m", "localaws", "up", "--moto-python", moto_python]
    command += ["--log", str(directory / "log"), *options]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the local AWS did not start: {(directory / 'log').read_text()}"
        yield Local(json.loads(line))
    finally:
        process.terminate()
        assert process.wait(15) == 0


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    directory = tmp_path_factory.mktemp("localaws")
    function = binary(directory, "function.py")
    options = ["--template", str(STACK / "template.yaml"), "--member-role", str(STACK / "member-role.yaml")]
    options += ["--member-region", str(STACK / "member-region.yaml"), "--regions", "us-east-1,eu-west-1"]
    options += ["--function", f"router={function}", "--function", f"worker={function}"]
    options += ["--function", f"finding-sweeper={function}", "--parameter", "Regions=eu-west-1"]
    with running(directory, *options, "--visibility-seconds", "1", "--accounts", "2") as local:
        yield local


@pytest.fixture
def account(local: Local) -> str:
    """A member account of the test's own."""
    return local.account()


@pytest.fixture(scope="session")
def function_role(local: Local) -> Credentials:
    """The credentials which the deployed function runs with."""
    sqs = local.client("sqs", local.admin)
    sqs.send_message(QueueUrl=local.stack["FindingsQueueUrl"], MessageBody="who are you")
    told = eventually(lambda: local.seen("Router", "who are you"))
    key, secret, token = told[0]["credentials"]
    return key, secret, token
