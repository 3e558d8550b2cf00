"""Have Prowler judge one account of the local AWS, SRA Verify its contact, and sort the verdicts by control.

    python tests/prowler/scan.py --endpoint http://127.0.0.1:40123 --account 300000000001 \\
        --region us-east-1 --region eu-west-1 --out verdicts.json

Writes `{control: {check: [{"resource": ..., "status": ..., "region": ...}]}}` and prints a line for each
check. Exits with 0 whatever was found, with 1 when there is no verdict, and with 3 when the verdicts are
there but something could not be read, which is told on stderr. Needs nothing but Python; both scanners have
an environment of their own (README.md).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from checks import CHECKS

HERE = Path(__file__).resolve().parent
PROWLER = HERE.parents[1] / ".venv" / "prowler" / "bin" / "prowler"
SRA = HERE.parents[1] / ".venv" / "sra" / "bin" / "sraverify"
TIMEOUT_SECONDS = 300

_FILE_SYSTEMS = ("efs_encryption_at_rest_enabled",)

# The controls beside those of `checks.py`.
FURTHER: dict[str, tuple[str, ...]] = {
    # An account without a logging trail is named as the ARN of no trail.
    "CloudTrail.1": ("cloudtrail_multi_region_enabled",),
    "CloudTrail.2": ("cloudtrail_kms_encryption_enabled",),
    # Names the trail whose bucket it is; MANUAL when the bucket is elsewhere.
    "CloudTrail.7": ("cloudtrail_logs_s3_bucket_access_logging_enabled",),
    "Config.1": ("config_recorder_all_regions_enabled",),
    "EC2.2": ("ec2_securitygroup_default_restrict_traffic",),
    "EC2.6": ("vpc_flow_logs_enabled",),
    "EC2.21": (
        "ec2_networkacl_allow_ingress_tcp_port_22",
        "ec2_networkacl_allow_ingress_tcp_port_3389",
    ),
    "EFS.1": _FILE_SYSTEMS,
    "EFS.8": _FILE_SYSTEMS,
    "IAM.2": ("iam_policy_attached_only_to_group_or_roles",),
    "IAM.3": ("iam_rotate_access_key_90_days",),
    "IAM.5": ("iam_user_mfa_enabled_console_access",),
    # Both are silent, rather than passing, when the root user has neither a key nor a known password.
    "IAM.6": ("iam_root_hardware_mfa_enabled",),
    "IAM.9": ("iam_root_mfa_enabled",),
    "IAM.18": ("iam_support_role_created",),
    "IAM.22": ("iam_user_accesskey_unused", "iam_user_console_access_unused"),
    "IAM.26": ("iam_no_expired_server_certificates_stored",),
    "IAM.28": ("accessanalyzer_enabled",),
    # Passes a public address that a security group filters, or in subnets without a way to the internet.
    "RDS.2": ("rds_instance_no_public_access",),
    "RDS.3": ("rds_instance_storage_encrypted",),
    "RDS.5": ("rds_instance_multi_az",),
    "RDS.15": ("rds_cluster_multi_az",),
    "S3.20": ("s3_bucket_no_mfa_delete",),
    "S3.22": ("cloudtrail_s3_dataevents_write_enabled",),
    "S3.23": ("cloudtrail_s3_dataevents_read_enabled",),
}
TABLE = CHECKS | FURTHER

# SRA Verify's check of Account.1. Prowler's of the security contact is MANUAL whatever the contact is, and
# its check of all three contacts passes when just one of them is missing.
CONTACT_CHECK = "SRA-ACCOUNT-01"

# Half of Prowler's time goes into reading which check is in which compliance framework. Nobody asks here.
_WITHOUT_FRAMEWORKS = """
import runpy, sys
from prowler.lib.check import compliance_models
compliance_models.Compliance.get_bulk = staticmethod(lambda provider: {})
compliance_models.get_bulk_compliance_frameworks_universal = lambda provider: {}
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Verdict(TypedDict):
    """What one check says about one resource."""

    resource: str
    status: str
    region: NotRequired[str]


Verdicts = dict[str, dict[str, list[Verdict]]]


class ScanError(Exception):
    """There is no verdict."""


def scan(
    endpoint: str,
    account: str,
    regions: str | Sequence[str] = "us-east-1",
    prowler: Path = PROWLER,
    sra: Path = SRA,
) -> tuple[Verdicts, list[str]]:
    """The verdicts of the tables on one account and these regions, and what could not be read."""
    regions = [regions] if isinstance(regions, str) else regions
    with tempfile.TemporaryDirectory(prefix="prowler-") as name:
        scratch = Path(name)
        environment = _environment(scratch, endpoint, account, regions[0])
        _run_prowler(prowler, scratch, environment, regions)
        output, log = scratch / "scan.ocsf.json", scratch / "errors.log"
        findings = json.loads(output.read_text()) if output.exists() else []
        unread = failures(log.read_text() if log.exists() else "")
        contact, unread_by_sra = by_contact(_run_sra(sra, scratch, environment, regions[0]))
        return by_control(findings, TABLE) | contact, unread + unread_by_sra


def failures(log: str) -> list[str]:
    """The messages in Prowler's log, without those about calls that were left out on purpose."""
    messages = re.findall(r'"module": "(\w+)", "message": "(.*?)"?}?$', log, re.MULTILINE)
    return [f"{module}: {message}" for module, message in messages if "NotAskedError[" not in message]


def by_control(findings: list[dict], table: Mapping[str, Sequence[str]] = CHECKS) -> Verdicts:
    """Prowler's OCSF findings under the controls they speak about; a check which said nothing has none."""
    told: dict[str, list[Verdict]] = {}
    for finding in findings:
        verdicts = told.setdefault(finding["metadata"]["event_code"], [])
        verdicts += [_verdict(resource, finding["status_code"]) for resource in finding["resources"]]
    for verdicts in told.values():
        verdicts.sort(key=lambda verdict: (verdict["resource"], verdict.get("region", ""), verdict["status"]))
    return {control: {check: told.get(check, []) for check in checks} for control, checks in table.items()}


def by_contact(rows: list[dict[str, str]]) -> tuple[Verdicts, list[str]]:
    """SRA Verify's verdict on the security contact, and what it failed to read: an ERROR is no verdict."""
    verdicts = [
        Verdict(resource=row["ResourceId"], status=row["Status"], region=row["Region"])
        for row in rows
        if row["Status"] != "ERROR"
    ]
    unread = [f"{row['CheckId']}: {row['ActualValue']}" for row in rows if row["Status"] == "ERROR"]
    return {"Account.1": {CONTACT_CHECK: verdicts}}, unread


def _verdict(resource: dict, status: str) -> Verdict:
    verdict = Verdict(resource=resource["uid"], status=status)
    if "region" in resource:
        verdict["region"] = resource["region"]
    return verdict


def _python(script: Path) -> str:
    """The Python of the environment in which a scanner's script is."""
    python = script.absolute().parent / "python"
    if not python.exists():
        raise ScanError(f"no Python beside {script}: is the environment of {script.name} there?")
    return str(python)


def _run_prowler(prowler: Path, scratch: Path, environment: dict[str, str], regions: Sequence[str]) -> None:
    command = [_python(prowler), "-P", "-c", _WITHOUT_FRAMEWORKS, str(HERE / "loopback.py")]
    command += ["prowler.__main__:prowler", "aws", "--region", *regions]
    command += ["--check", *sorted({check for checks in TABLE.values() for check in checks})]
    # Groups without interfaces and regions without volumes count too; and failures are no error.
    command += ["--scan-unused-services", "--ignore-exit-code-3", "--no-banner", "--no-color"]
    command += ["--output-formats", "json-ocsf", "--output-directory", str(scratch)]
    command += ["--output-filename", "scan"]
    command += ["--log-level", "ERROR", "--log-file", str(scratch / "errors.log")]
    _run("Prowler", command, scratch, environment)


def _run_sra(sra: Path, scratch: Path, environment: dict[str, str], region: str) -> list[dict[str, str]]:
    output = scratch / "contact.csv"
    command = [_python(sra), "-P", str(HERE / "loopback.py"), "sraverify.cli:main"]
    command += ["--check", CONTACT_CHECK, "--regions", region, "--output", str(output)]
    _run("SRA Verify", command, scratch, environment)
    with output.open(newline="") as rows:
        return list(csv.DictReader(rows))


def _run(scanner: str, command: list[str], scratch: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise ScanError(f"{scanner} was not done after {TIMEOUT_SECONDS} s") from late
    if done.returncode:
        told = f"{done.stdout[-2000:]}{done.stderr[-4000:]}"
        raise ScanError(f"{scanner} ended with {done.returncode}:\n{told}")


def _environment(scratch: Path, endpoint: str, account: str, region: str) -> dict[str, str]:
    """Nothing of the caller's: no profile, no proxy, no key of Prowler's cloud."""
    return {
        "PATH": os.defpath,
        "HOME": str(scratch),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def table(verdicts: Verdicts) -> str:
    """A line for each check of each control: FAIL when something fails, PASS when all pass, else a dash."""
    rows = []
    for control, checks in verdicts.items():
        for check, found in checks.items():
            failed = [verdict["resource"] for verdict in found if verdict["status"] == "FAIL"]
            passed = sum(verdict["status"] == "PASS" for verdict in found)
            word = "FAIL" if failed else "PASS" if passed else "-"
            named = ", ".join(resource.rsplit(":", 1)[-1] for resource in failed)
            rows.append(f"{control:<13} {word:<4} {passed:>3} of {len(found):<3} {check}  {named}".rstrip())
    return "\n".join(rows)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="address of the local AWS")
    parser.add_argument("--account", required=True, help="the account of 12 digits, as its root")
    parser.add_argument("--region", action="append", help="may be given several times; us-east-1 unless told")
    parser.add_argument("--prowler", type=Path, default=PROWLER, help="bin/prowler of its environment")
    parser.add_argument("--sra", type=Path, default=SRA, help="bin/sraverify of its environment")
    parser.add_argument("--out", type=Path, required=True, help="where the verdicts are written, as JSON")
    options = parser.parse_args()
    regions = options.region or ["us-east-1"]
    try:
        verdicts, unread = scan(options.endpoint, options.account, regions, options.prowler, options.sra)
    except ScanError as failure:
        print(failure, file=sys.stderr)
        return 1
    options.out.write_text(json.dumps(verdicts, indent=2) + "\n")
    print(table(verdicts))
    for failure in unread:
        print(f"not read: {failure}", file=sys.stderr)
    return 3 if unread else 0


if __name__ == "__main__":
    sys.exit(main())
