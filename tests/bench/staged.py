"""Accounts with many security groups, the right answer about them, and the least that asking for them takes."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local import door
from runtime_api import Failed

GROUPS = 250
ONE_IN = 20
ROLE = "OrganizationAccountAccessRole"
EXTERNAL_ID = "bench-external-id"

# What every group has, and a tenth rule beside it. The web is open to the world, as it may be.
_QUIET = [
    ("tcp", 8080, 8090, "192.168.0.0/16"),
    ("tcp", 443, 443, "0.0.0.0/0"),
    ("tcp", 80, 80, "0.0.0.0/0"),
    ("tcp", 22, 22, "203.0.113.0/24"),
    ("tcp", 9000, 9000, "172.16.0.0/12"),
    ("udp", 53, 53, "10.0.0.0/8"),
    ("icmp", -1, -1, "10.0.0.0/8"),
]
_TENTH = ("tcp", 3306, 3306, "172.16.0.0/12")
_SSH = [("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 22, 22, "::/0")]
_ALL = [("-1", None, None, "0.0.0.0/0"), ("tcp", 0, 65535, "::/0")]
_OPEN = [*_SSH, *_ALL]
RULES = len(_QUIET) + 3

# The rules of the shipped policy, and what of the above violates them.
ANSWER = {
    "NO_SSH_FROM_INTERNET": _OPEN,
    "NO_RDP_FROM_INTERNET": _ALL,
    "NO_REMOTE_ADMINISTRATION_FROM_INTERNET": _ALL,
    "NO_DATABASES_FROM_INTERNET": _ALL,
    "NO_CLUSTER_CONTROL_FROM_INTERNET": _ALL,
    "NO_OTHER_PORTS_FROM_INTERNET": _ALL,
}

Group = tuple[str, str]
"""An account and the id of a group."""
Answer = Mapping[str, set[Group]]
"""For each rule of the policy, who violates it."""

# What Redress's session may do: the local AWS decides on as much for the bare client.
_READS = [
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:GetManagedPrefixListEntries",
    "ec2:DescribeRegions",
]
_SESSION = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": _READS, "Resource": "*"}]})
# What each call tells of, and how that is known in its answer; a rule of a group by its one source.
_LISTED = {
    "DescribeSecurityGroups": {"groups": (b"<groupName>",), "rules": (b"<cidrIp>", b"<cidrIpv6>", b"<userId>")},
    "DescribeNetworkInterfaces": {"interfaces": (b"<networkInterfaceId>",)},
}


class Staged:
    """Accounts of a local AWS with `GROUPS` groups of `RULES` inbound rules each."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.endpoint: str = report["endpoint"]
        self.region: str = report["region"]
        self.caller: str = report["management"]
        self.accounts: list[str] = report["members"]
        answer: dict[str, set[Group]] = {rule: set() for rule in ANSWER}
        for number, account in enumerate(self.accounts):
            indices = range(number * GROUPS, (number + 1) * GROUPS)
            groups = [{"name": f"bench-{index}", "ingress": _rules(index)} for index in indices]
            order = {"account": account, "region": self.region, "groups": groups}
            made = door(self.endpoint, "POST", "security-groups", order)["groups"]
            for index, group in zip(indices, made, strict=True):
                for rule, violations in ANSWER.items():
                    if _opens(index) in violations:
                        answer[rule].add((account, group["id"]))
        self.answer: Answer = answer
        self.open = len(set().union(*answer.values()))
        self.listed: Counter[str] = Counter()
        """How much the bare client saw: groups, rules and interfaces."""

    def check(self, who: str, told: Answer) -> None:
        """That an answer is right, as far as it goes."""
        if other := told.keys() - self.answer.keys():
            raise Failed(f"{who} tells of rules that are not known here: {sorted(other)}")
        for rule, groups in told.items():
            if groups != self.answer[rule]:
                missing, wrong = self.answer[rule] - groups, groups - self.answer[rule]
                what = f"{len(missing)} missing, {len(wrong)} wrong, such as {[*missing, *wrong][:3]}"
                raise Failed(f"{who}: the groups that violate {rule} are others: {what}")
        if "NO_SSH_FROM_INTERNET" not in told:
            raise Failed(f"{who} says nothing of SSH")

    def forget_calls(self) -> None:
        """Empty the log of calls."""
        door(self.endpoint, "DELETE", "calls")

    def calls(self) -> Counter[str]:
        """The calls in the log."""
        calls = door(self.endpoint, "GET", "calls")
        if refused := [call for call in calls if not call["allowed"]]:
            raise Failed(f"a call was refused: {refused[0]}")
        return Counter(f"{call['account']} {call['action']}" for call in calls)

    def ask(self, at_once: int = 1) -> tuple[float, dict[str, float]]:
        """Seconds that the local AWS takes for the calls of a scan, and for each action summed over the calls.

        With one account at once it is the sum of all, so that what is done between the calls does not count.
        """
        started = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            asked = list(pool.map(self._ask, [self.caller, *self.accounts]))
        seconds = time.perf_counter() - started
        self.listed = sum((listed for _, listed in asked), Counter())
        by_action: dict[str, float] = {}
        for taken, _ in asked:
            for action, one in taken.items():
                by_action[action] = by_action.get(action, 0.0) + one
        return seconds if at_once > 1 else sum(by_action.values()), by_action

    def _ask(self, account: str) -> tuple[dict[str, float], Counter[str]]:
        listed: Counter[str] = Counter()
        with _Bare(self.endpoint, self.region, self.caller) as bare:
            if account == self.caller:
                bare.call("sts", "GetCallerIdentity")
                return bare.seconds, listed
            entered = bare.call(
                "sts",
                "AssumeRole",
                RoleArn=f"arn:aws:iam::{account}:role/{ROLE}",
                RoleSessionName="bench",
                ExternalId=EXTERNAL_ID,
                Policy=_SESSION,
                DurationSeconds=900,
            )
            bare.key = _between(entered, b"AccessKeyId") or ""
            for action, things in _LISTED.items():
                page: dict[str, Any] = {"MaxResults": 1000}
                while page:
                    body = bare.call("ec2", action, **page)
                    for thing, marks in things.items():
                        listed[thing] += sum(map(body.count, marks))
                    token = _between(body, b"nextToken")
                    page = {"MaxResults": 1000, "NextToken": token} if token else {}
            return bare.seconds, listed


def _opens(index: int) -> tuple[str, int | None, int | None, str] | None:
    return _OPEN[index // ONE_IN % len(_OPEN)] if index % ONE_IN == 0 else None


def _rules(index: int) -> list[dict[str, Any]]:
    net = f"10.{index % 250}.{index // 250 % 250}.0/24"
    tenth = _opens(index) or _TENTH
    rules = [("tcp", 443, 443, net), ("tcp", 5432, 5432, net), *_QUIET, tenth]
    ports = [{} if start is None else {"from": start, "to": end} for _, start, end, _ in rules]
    return [
        {"protocol": protocol, **range_, "cidr_ipv6" if ":" in cidr else "cidr": cidr}
        for (protocol, _, _, cidr), range_ in zip(rules, ports, strict=True)
    ]


def _between(body: bytes, tag: bytes) -> str | None:
    found = re.search(rb"<%b>([^<]+)</%b>" % (tag, tag), body)
    return found and found[1].decode()


class _Bare:
    """A client that does nothing but send and receive: signatures are not looked at, answers are not read."""

    def __init__(self, endpoint: str, region: str, key: str) -> None:
        address = urllib.parse.urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        self._region = region
        self.key = key
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> _Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, service: str, action: str, **parameters: Any) -> bytes:
        """The body of the answer."""
        version = {"sts": "2011-06-15", "ec2": "2016-11-15"}[service]
        body = urllib.parse.urlencode({"Action": action, "Version": version, **parameters})
        scope = f"{self.key}/20260101/{self._region}/{service}/aws4_request"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        started = time.perf_counter()
        self._connection.request("POST", "/", body, headers)
        answer = self._connection.getresponse()
        told = answer.read()
        self.seconds[action] = self.seconds.get(action, 0.0) + time.perf_counter() - started
        if answer.status != 200:
            raise Failed(f"{action} was answered with {answer.status}: {told[:300].decode(errors='replace')}")
        return told
