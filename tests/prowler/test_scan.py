"""An account that violates the controls fails every check of theirs, and passes once it is mended.

The checks of the further controls are seen to turn in `make verdict`. Not part of the default run, since it
needs the scanners' environments and a minute or two:

    .venv/front/bin/python -m pytest -p no:cacheprovider tests/prowler/test_scan.py

`PROWLER`, `SRA`, `MOTO_PYTHON` name another bin/prowler, bin/sraverify and another Python for moto.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import loopback
from checks import CHECKS
from scan import (
    CONTACT_CHECK,
    FURTHER,
    HERE,
    PROWLER,
    SRA,
    TABLE,
    ScanError,
    Verdicts,
    by_contact,
    by_control,
    failures,
    scan,
    table,
)
from violations import Violations

ROOT = HERE.parents[1]
PATH = Path(os.environ.get("PROWLER", PROWLER))
SRA_PATH = Path(os.environ.get("SRA", SRA))
REGION = "us-east-1"
ACCOUNT = "300000000001"
VIOLATED = {*CHECKS, "Account.1", "CloudTrail.7", "RDS.2"}
# A person's to do: it goes on failing.
TOLD = {"IAM.4"}

needs_scanners = pytest.mark.skipif(
    not (PATH.exists() and SRA_PATH.exists()), reason="the scanners' environments are not there"
)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("localaws") / "log"
    moto_python = os.environ.get("MOTO_PYTHON", str(ROOT / ".venv/moto/bin/python"))
    command = [sys.executable, "-m", "localaws", "up", "--no-deploy", "--moto-python", moto_python]
    process = subprocess.Popen(
        [*command, "--log", str(log)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests/localaws/src")},
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the local AWS did not start: {log.read_text()}"
        yield json.loads(line)["endpoint"]
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture
def violations(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Violations:
    monkeypatch.setattr(socket, "getaddrinfo", loopback.getaddrinfo)

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",
        )

    return Violations(client, ACCOUNT)


def root_key(endpoint: str, keys: int) -> None:
    body = json.dumps({"account": ACCOUNT, "AccountAccessKeysPresent": keys}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_local/account-summary", body), timeout=30)


def scanned(endpoint: str) -> Verdicts:
    verdicts, unread = scan(endpoint, ACCOUNT, REGION, PATH, SRA_PATH)
    print(table(verdicts))
    assert unread == []
    return verdicts


def statuses(verdicts: Verdicts, control: str) -> dict[str, set[str]]:
    """For each check of a control, what it says of anything."""
    return {check: {v["status"] for v in found} for check, found in verdicts[control].items()}


def named(verdicts: Verdicts, control: str, check: str, status: str) -> set[str]:
    return {v["resource"].rsplit("/", 1)[-1] for v in verdicts[control][check] if v["status"] == status}


@needs_scanners
def test_what_is_violated_fails_and_what_is_mended_passes(endpoint: str, violations: Violations) -> None:
    violations.make()
    root_key(endpoint, 1)
    before = scanned(endpoint)
    assert set(before) == {*TABLE, "Account.1"}
    for control in VIOLATED:
        for check, told in statuses(before, control).items():
            assert "FAIL" in told, (control, check)
    ssh, rdp = CHECKS["EC2.53"]
    groups = violations.groups
    assert named(before, "EC2.53", ssh, "FAIL") == {groups["ssh"], groups["all"]}
    assert named(before, "EC2.54", rdp, "FAIL") == {groups["rdp6"], groups["all"]}

    violations.mend()
    after = scanned(endpoint)
    for control in VIOLATED:
        for check, told in statuses(after, control).items():
            assert told == ({"FAIL"} if control in TOLD else {"PASS"}), (control, check)

    root_key(endpoint, 0)
    assert scanned(endpoint)["IAM.4"] == {"iam_no_root_access_key": []}


@needs_scanners
def test_an_endpoint_elsewhere_is_not_asked() -> None:
    with pytest.raises(ScanError, match="Could not connect to the endpoint"):
        scan("http://elsewhere.example:80", ACCOUNT, REGION, PATH)


def test_without_prowler_there_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="is the environment of prowler there"):
        scan("http://127.0.0.1:1", ACCOUNT, REGION, tmp_path / "prowler")


def test_every_control_is_judged_by_one_table() -> None:
    controls = [*CHECKS, *FURTHER, "Account.1"]
    assert len(controls) == len(set(controls))
    assert set(controls) == {event.stem for event in ROOT.glob("events/securityhub/*.json")}


@needs_scanners
def test_the_scanners_know_every_check() -> None:
    prowler = PATH.absolute().parents[1].glob("lib/python*/site-packages/prowler/providers/aws/services/*/*/")
    known = {check.name for check in prowler}
    assert known, "Prowler's checks are elsewhere"
    assert {check for checks in TABLE.values() for check in checks} <= known
    file = f"{CONTACT_CHECK.lower().replace('-', '_')}.py"
    assert list(SRA_PATH.absolute().parents[1].glob(f"lib/python*/site-packages/sraverify/**/{file}"))


def test_verdicts_are_sorted_by_control() -> None:
    finding = {
        "metadata": {"event_code": "kms_cmk_rotation_enabled"},
        "status_code": "FAIL",
        "resources": [{"uid": "arn:aws:kms:us-east-1:300000000001:key/1"}],
    }
    verdicts = by_control([finding])
    assert set(verdicts) == set(CHECKS)
    assert verdicts["KMS.4"] == {
        "kms_cmk_rotation_enabled": [
            {"resource": "arn:aws:kms:us-east-1:300000000001:key/1", "status": "FAIL"}
        ]
    }
    assert verdicts["S3.1"] == {"s3_account_level_public_access_blocks": []}
    assert "KMS.4         FAIL   0 of 1   kms_cmk_rotation_enabled  key/1" in table(verdicts).splitlines()


def test_what_sra_verify_could_not_read_is_told_and_no_verdict() -> None:
    row = {"CheckId": CONTACT_CHECK, "ResourceId": f"account-{ACCOUNT}", "Region": REGION}
    passed = {**row, "Status": "PASS", "ActualValue": "Security contact configured"}
    refused = {**row, "Status": "ERROR", "ActualValue": "GetAlternateContact failed: AccessDenied"}
    told = {"resource": f"account-{ACCOUNT}", "status": "PASS", "region": REGION}
    assert by_contact([passed]) == ({"Account.1": {CONTACT_CHECK: [told]}}, [])
    unread = [f"{CONTACT_CHECK}: GetAlternateContact failed: AccessDenied"]
    assert by_contact([refused]) == ({"Account.1": {CONTACT_CHECK: []}}, unread)


def test_only_calls_left_out_on_purpose_may_fail() -> None:
    line = '{"timestamp": "t", "level": "ERROR", "module": "%s", "message": "us-east-1 -- %s"}\n'
    log = line % ("ec2_service", "NotAskedError[711]: ec2:DescribeClientVpnEndpoints")
    log += line % ("kms_service", "ClientError[9]: refused\nat length")
    assert failures(log) == ["kms_service: us-east-1 -- ClientError[9]: refused"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "localhost", f"{ACCOUNT}.127.0.0.1", b"127.0.0.1", None]
)
def test_loopback_is_found(host: str | bytes | None) -> None:
    assert loopback.getaddrinfo(host, 80)


@pytest.mark.parametrize("host", ["example.com", "169.254.169.254", f"{ACCOUNT}.example.com"])
def test_no_other_host_is_looked_up(host: str) -> None:
    with pytest.raises(socket.gaierror, match="only loopback"):
        loopback.getaddrinfo(host, 80)
