"""The rules of a security group as values: what a request asks for, taken apart into one rule each.

A request has sets of permissions with many sources in each; a group has rules with one source. Values are
kept as AWS tells them again: protocols by name, ranges in canonical form. Wrong values are refused as EC2
does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from moto.ec2.exceptions import EC2ClientError

ALL = "-1"
_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": ALL}
_WITH_PORTS = frozenset({"tcp", "udp"})
_WITH_TYPES = frozenset({"icmp", "icmpv6"})
_DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")
_SOURCES = {
    "IpRanges": ("cidr", "CidrIp"),
    "Ipv6Ranges": ("cidr_ipv6", "CidrIpv6"),
    "PrefixListIds": ("prefix_list", "PrefixListId"),
    "UserIdGroupPairs": ("group", "GroupId"),
}


@dataclass(frozen=True)
class Permission:
    """One rule: protocol, ports (or ICMP's type and code; -1 for all), one source, and what is said of it."""

    protocol: str
    start: int
    end: int
    kind: str
    """cidr, cidr_ipv6, prefix_list or group."""
    value: str
    description: str | None = None
    owner: str | None = None
    """The account of a group."""

    @property
    def key(self) -> tuple[str, int, int, str, str]:
        """What a group has once only."""
        return self.protocol, self.start, self.end, self.kind, self.value

    def ports(self) -> dict[str, int]:
        """As in sets of permissions, which have none where all ports are meant."""
        told = self.protocol in _WITH_PORTS | _WITH_TYPES
        return {"FromPort": self.start, "ToPort": self.end} if told else {}

    def __str__(self) -> str:
        peer = f"peer: {self.value}, {'ALL' if self.protocol == ALL else self.protocol.upper()}"
        ports = f", from port: {self.start}, to port: {self.end}" if self.ports() else ""
        return f"{peer}{ports}, ALLOW"


def wrong(message: str, code: str = "InvalidParameterValue") -> EC2ClientError:
    """The refusal of a value."""
    return EC2ClientError(code, message)


def protocol_of(given: str | None) -> str:
    """A protocol by the name by which EC2 tells it."""
    if given is None:
        raise wrong(
            "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly."
        )
    name = _NAMES.get(given.lower(), given.lower())
    if name in _WITH_PORTS | _WITH_TYPES | {ALL} or (name.isdigit() and int(name) < 255):
        return name
    raise wrong(f"Invalid value '{given}' for IP protocol. Unknown protocol.")


def _ports(protocol: str, start: Any, end: Any) -> tuple[int, int]:
    if protocol not in _WITH_PORTS | _WITH_TYPES:
        return -1, -1
    if protocol == "icmpv6" and start is None and end is None:
        return -1, -1
    if start is None or end is None:
        kind = "both from and to ports with TCP/UDP" if protocol in _WITH_PORTS else "ICMP type and code"
        raise wrong(f"Invalid value for portRange. Must specify {kind}.")
    first, last = int(start), int(end)
    if protocol in _WITH_PORTS:
        if not 0 <= first <= last <= 65535:
            raise wrong(f"Invalid value '{first}-{last}' for portRange. Must be from 0 to 65535.")
    elif not (-1 <= first <= 255 and -1 <= last <= 255) or (first == -1 and last != -1):
        raise wrong(f"ICMP type ({first}) and code ({last}) are no valid combination.")
    return first, last


def cidr_of(given: str, version: int) -> str:
    """A range in canonical form."""
    try:
        network = ipaddress.ip_network(given, strict=False)
    except ValueError:
        network = None
    if network is None or network.version != version or "/" not in given:
        raise wrong(f"CIDR block {given} is malformed")
    return str(network)


def described(given: str | None) -> str | None:
    """A description with none but the characters that it may have."""
    if given and not _DESCRIPTION.fullmatch(given):
        raise wrong(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the "
            "following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
        )
    return given or None


def value_of(kind: str, given: str) -> str:
    """A source as it is told."""
    return cidr_of(given, 6 if kind == "cidr_ipv6" else 4) if kind.startswith("cidr") else given


def permission(
    protocol: str | None, start: Any, end: Any, kind: str, value: str, description: str | None = None
) -> Permission:
    """One rule, with checked values."""
    name = protocol_of(protocol)
    first, last = _ports(name, start, end)
    return Permission(name, first, last, kind, value_of(kind, value), described(description))


def taken_apart(sets: Iterable[dict[str, Any]]) -> Iterator[Permission]:
    """The rules in sets of permissions. A group that is named has its name for a value."""
    for given in sets:
        name, found = protocol_of(given.get("IpProtocol")), False
        start, end = _ports(name, given.get("FromPort"), given.get("ToPort"))
        for key, (kind, inner) in _SOURCES.items():
            for source in given.get(key) or []:
                found = True
                value = source.get(inner) or source.get("GroupName")
                if not value:
                    raise wrong(f"The request must contain the parameter {inner}", "MissingParameter")
                yield Permission(
                    name,
                    start,
                    end,
                    kind,
                    value_of(kind, value),
                    described(source.get("Description")),
                    source.get("UserId"),
                )
        if not found:
            raise wrong("The request must contain a source or a destination", "MissingParameter")


def put_together(rules: Iterable[Permission]) -> list[dict[str, Any]]:
    """Sets of permissions: one for each protocol and ports."""
    sets: dict[tuple[str, int, int], dict[str, Any]] = {}
    names = {kind: (key, inner) for key, (kind, inner) in _SOURCES.items()}
    for rule in rules:
        key, inner = names[rule.kind]
        at = (rule.protocol, rule.start, rule.end)
        if at not in sets:
            sets[at] = {"IpProtocol": rule.protocol, **rule.ports(), **{name: [] for name in _SOURCES}}
        source = {inner: rule.value}
        if rule.kind == "group":
            source["UserId"] = rule.owner
        if rule.description:
            source["Description"] = rule.description
        sets[at][key].append(source)
    return list(sets.values())


def with_source(rule: Permission, value: str, owner: str | None) -> Permission:
    """The rule with another value for its source."""
    return replace(rule, value=value, owner=owner)
