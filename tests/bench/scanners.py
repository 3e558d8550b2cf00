"""Redress, Cloud Custodian and Prowler, asked which groups of many accounts the internet gets into.

All go out as the management account's root and enter each account by the same role. What a command answers is
read from what it wrote, and told by the rules of Redress's shipped policy.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import child
from child import Used
from local import ROOT
from runtime_api import Failed
from staged import EXTERNAL_ID, GROUPS, ROLE, Answer, Group, Staged

sys.path.append(str(ROOT / "tests/prowler"))
import scan as prowler_scan

POLICY = ROOT / "crates/controls/src/security_group_policy.json"
CUSTODIAN = ROOT / ".venv/c7n/bin"
PROWLER = ROOT / ".venv/prowler/bin/python"
SOMETHING_TO_DO = 3

# Prowler's checks that ask what a rule of the policy asks, beside the one of all ports, which spares the others
# a group that fails it. Of clusters' control ports and of all but the web it has none.
_CHECK = "ec2_securitygroup_allow_ingress_from_internet_to_"
_ALL_PORTS = f"{_CHECK}all_ports"
_CHECKS = {
    "NO_SSH_FROM_INTERNET": ("tcp_port_22",),
    "NO_RDP_FROM_INTERNET": ("tcp_port_3389",),
    "NO_REMOTE_ADMINISTRATION_FROM_INTERNET": ("tcp_port_telnet_23",),
    "NO_DATABASES_FROM_INTERNET": (
        "tcp_port_sql_server_1433_1434",
        "tcp_port_oracle_1521_2483",
        "tcp_port_mysql_3306",
        "tcp_port_postgres_5432",
        "tcp_port_redis_6379",
        "tcp_port_elasticsearch_kibana_9200_9300_5601",
        "tcp_port_memcached_11211",
        "tcp_port_mongodb_27017_27018",
    ),
}


def redress(staged: Staged, binary: Path, scratch: Path) -> tuple[Used, Answer]:
    """`redress sg scan`, with the policy that is shipped and as many accounts at once as it takes by itself."""
    output = _fresh(scratch) / "redress.json"
    command = [str(binary), "--json", "sg", "scan", "--role", ROLE, "--external-id", EXTERNAL_ID]
    for account in staged.accounts:
        command += ["--account", account]
    used = child.run(command, _environment(staged, scratch), scratch, output, status=SOMETHING_TO_DO)
    told = json.loads(output.read_text())
    # What the bare client saw is what there is.
    there = [staged.listed["groups"], staged.listed["rules"]]
    if told["missed"] or [told["groups"], told["rules"]] != there:
        missed = told["missed"][:1]
        raise Failed(f"redress saw {told['groups']} groups with {told['rules']} rules of {there}, and missed {missed}")
    answer: dict[str, set[Group]] = {rule["rule_id"]: set() for rule in _policy()["prohibited_rules"]["inbound"]}
    for violation in told["violations"]:
        answer.setdefault(violation["rule"], set()).add((violation["account"], violation["group"]))
    count = sum(map(len, staged.answer.values()))
    if len(told["violations"]) != count:
        raise Failed(f"redress told {len(told['violations'])} violations, and there are {count}")
    return used, answer


def custodian(staged: Staged, scratch: Path, accounts: Sequence[str]) -> tuple[Used, Answer]:
    """`c7n-org run`, with as many processes as it takes by itself, a policy for each rule, and no cache yet."""
    files = _fresh(scratch) / "accounts.json", scratch / "policies.json"
    files[0].write_text(json.dumps({"accounts": [_account(account) for account in accounts]}))
    files[1].write_text(json.dumps({"policies": list(_custodian_policies())}))
    out = scratch / "out"
    command = [str(CUSTODIAN / "c7n-org"), "run", "-c", str(files[0]), "-u", str(files[1])]
    command += ["-s", str(out), "-r", staged.region]
    used = child.run(command, _environment(staged, scratch), scratch, scratch / "c7n-org.out")
    answer: dict[str, set[Group]] = {}
    for rule in _policy()["prohibited_rules"]["inbound"]:
        found = answer.setdefault(rule["rule_id"], set())
        for account in accounts:
            resources = out / account / staged.region / rule["rule_id"] / "resources.json"
            if not resources.exists():
                raise Failed(f"Cloud Custodian wrote no {resources}")
            found |= {(account, group["GroupId"]) for group in json.loads(resources.read_text())}
    return used, answer


def prowler(staged: Staged, scratch: Path, accounts: Sequence[str], at_once: int) -> tuple[Used, Answer]:
    """Prowler, a process for each account, with the checks that ask the same, as `tests/prowler/scan.py` runs it."""
    _fresh(scratch)
    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        used = list(pool.map(lambda account: _prowler(staged, scratch / account, account), accounts))
    whole = Used(
        time.perf_counter() - started,
        sum(one.cpu_seconds for one in used),
        max(one.peak_bytes for one in used),
    )
    answer: dict[str, set[Group]] = {rule: set() for rule in _CHECKS}
    for account in accounts:
        failed = _failed(scratch / account)
        for rule, checks in _CHECKS.items():
            for check in (_ALL_PORTS, *(_CHECK + name for name in checks)):
                answer[rule] |= {(account, group) for group in failed[check]}
    return whole, answer


def _prowler(staged: Staged, scratch: Path, account: str) -> Used:
    scratch.mkdir()
    loopback = ROOT / "tests/prowler/loopback.py"
    checks = [_ALL_PORTS, *(_CHECK + name for names in _CHECKS.values() for name in names)]
    command = [str(PROWLER), "-P", "-c", prowler_scan._WITHOUT_FRAMEWORKS, str(loopback)]
    command += ["prowler.__main__:prowler", "aws", "--region", staged.region, "--check", *checks]
    command += ["--role", f"arn:aws:iam::{account}:role/{ROLE}", "--external-id", EXTERNAL_ID]
    # Groups without interfaces count too; and failures are no error.
    command += ["--scan-unused-services", "--ignore-exit-code-3", "--no-banner", "--no-color"]
    command += ["--output-formats", "json-ocsf", "--output-directory", str(scratch), "--output-filename", "scan"]
    command += ["--log-level", "ERROR", "--log-file", str(scratch / "errors.log")]
    return child.run(command, _environment(staged, scratch), scratch, scratch / "prowler.out")


def _failed(scratch: Path) -> dict[str, set[str]]:
    """The groups that failed each check."""
    log = scratch / "errors.log"
    if unread := prowler_scan.failures(log.read_text() if log.exists() else ""):
        raise Failed(f"Prowler could not read everything: {unread[0]}")
    failed: dict[str, set[str]] = {}
    judged: dict[str, int] = {}
    for finding in json.loads((scratch / "scan.ocsf.json").read_text()):
        check = finding["metadata"]["event_code"]
        groups = [resource["uid"].rpartition("/")[2] for resource in finding["resources"]]
        judged[check] = judged.get(check, 0) + len(groups)
        failed.setdefault(check, set()).update(groups if finding["status_code"] == "FAIL" else ())
    if any(count < GROUPS for count in judged.values()):
        raise Failed(f"Prowler did not judge every group: {judged}")
    return failed


def _policy() -> Any:
    return json.loads(POLICY.read_text())


def _custodian_policies() -> Iterator[dict[str, Any]]:
    """The rules of the shipped policy as Cloud Custodian says them."""
    policy = _policy()
    web = {port for rule in policy["allowed_rules"]["inbound"] for port in _ports(rule["port_range"])}
    for rule in policy["prohibited_rules"]["inbound"]:
        named = {*_ports(rule["port_range"])} - web
        others = {*range(65536)} - named
        # What is about nearly all ports is said by the others.
        ports = {"Ports": sorted(named)} if len(named) < len(others) else {"OnlyPorts": sorted(others)}
        protocol = {} if rule["protocol"] == "all" else {"IpProtocol": {"op": "in", "value": [rule["protocol"], "-1"]}}
        cidrs: list[dict[str, Any]] = [
            {"CidrV6" if ":" in cidr else "Cidr": {"value": cidr}} for cidr in rule["source"]
        ]
        filters = [{"type": "ingress", **ports, **protocol, **cidr} for cidr in cidrs]
        yield {"name": rule["rule_id"], "resource": "aws.security-group", "filters": [{"or": filters}]}


def _ports(ranges: str | Sequence[str]) -> Iterator[int]:
    for range_ in [ranges] if isinstance(ranges, str) else ranges:
        start, _, end = range_.replace("all", "0-65535").partition("-")
        yield from range(int(start), int(end or start) + 1)


def _account(account: str) -> dict[str, str]:
    return {
        "account_id": account,
        "name": account,
        "role": f"arn:aws:iam::{account}:role/{ROLE}",
        "external_id": EXTERNAL_ID,
    }


def _fresh(scratch: Path) -> Path:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return scratch


def _environment(staged: Staged, home: Path) -> Mapping[str, str]:
    """Nothing of the caller's: no profile, no proxy, no cache."""
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": staged.endpoint,
        "AWS_ACCESS_KEY_ID": staged.caller,
        "AWS_SECRET_ACCESS_KEY": "root",
        "AWS_DEFAULT_REGION": staged.region,
        "AWS_REGION": staged.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
