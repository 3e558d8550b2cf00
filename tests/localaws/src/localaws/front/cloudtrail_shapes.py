"""Requests and answers of EC2 as CloudTrail writes them: neither as they are sent nor as SDKs have them.

Calls of the older style have lists as `{"items": [...]}` and names that begin in lower case; those of the
newer style are one object named after the call, with EC2's own names and a number (`tag`) on each thing of
a list, which is no list when there is one thing.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

_NEWER = frozenset(
    {
        "ModifySecurityGroupRules",
        "UpdateSecurityGroupRuleDescriptionsEgress",
        "UpdateSecurityGroupRuleDescriptionsIngress",
    }
)
_OLDER = frozenset(
    {
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateSecurityGroup",
        "DeleteSecurityGroup",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "RunInstances",
    }
)
SHAPED = _NEWER | _OLDER
"""The calls which are told whole."""

_NUMBERS = re.compile(r"(From|To)Port|(Min|Max)Count|DeviceIndex|VolumeSize|code", re.IGNORECASE)
_SETS = {
    "BlockDeviceMapping": "blockDeviceMapping",
    "NetworkInterface": "networkInterfaceSet",
    "SecurityGroupId": "groupSet",
    "SecurityGroupRuleId": "securityGroupRuleIds",
    "TagSpecification": "tagSpecificationSet",
}
_WRAPPED = {"SecurityGroupId": "groupId", "SecurityGroupRuleId": "securityGroupRuleId"}
"""Lists of plain values, whose items have a name in CloudTrail."""
_OF_IMAGE = ("imageId", "minCount", "maxCount", "keyName")
_XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"


def _value(name: str, text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _NUMBERS.fullmatch(name) and re.fullmatch(r"-?\d+", text) else text


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _nested(params: dict[str, Any]) -> dict[str, Any]:
    """The form's values (`A.1.B`) as a tree; a list is a tree whose keys are numbers."""
    tree: dict[str, Any] = {}
    for name, text in params.items():
        if name in ("Action", "Version"):
            continue
        *above, last = name.split(".")
        inside = tree
        for part in above:
            inside = inside.setdefault(part, {})
        named = next((part for part in reversed(name.split(".")) if not part.isdigit()), last)
        inside[last] = _value(named, text)
    return tree


def _is_list(tree: Any) -> bool:
    return isinstance(tree, dict) and bool(tree) and all(key.isdigit() for key in tree)


def _older(name: str, tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if _is_list(tree):
        items = [_older(name, tree[number]) for number in sorted(tree, key=int)]
        if name in _WRAPPED:
            items = [{_WRAPPED[name]: item} for item in items]
        return items if name == "Tag" else {"items": items}
    told = {_SETS.get(key, _lower(key)): _older(key, inner) for key, inner in tree.items()}
    if name == "TagSpecification":
        told["tags"] = told.pop("tag", [])
    if name == "IpPermissions":
        told = {"groups": {}, "ipRanges": {}, "ipv6Ranges": {}, "prefixListIds": {}, **told}
    return told


def _newer(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if not _is_list(tree):
        return {key: _newer(inner) for key, inner in tree.items()}
    items = []
    for number in sorted(tree, key=int):
        item = _newer(tree[number])
        items.append({**(item if isinstance(item, dict) else {"content": item}), "tag": int(number)})
    return items[0] if len(items) == 1 else items


def request(name: str, params: dict[str, Any]) -> dict[str, Any]:
    """The requestParameters of one of the calls that are told whole."""
    tree = _nested(params)
    if name in _NEWER:
        return {f"{name}Request": _newer(tree)}
    told = _older("", tree)
    if name == "RunInstances":
        image = {key: told.pop(key) for key in _OF_IMAGE if key in told}
        told = {"instancesSet": {"items": [image]}, **told}
    elif name.startswith(("Authorize", "Revoke")):
        told.setdefault("ipPermissions", {})
    return told


def _element(element: ElementTree.Element) -> Any:
    name = element.tag.rpartition("}")[2]
    inner = list(element)
    if not inner:
        return _value(name, element.text) if element.text else {}
    if all(one.tag.endswith("}item") or one.tag == "item" for one in inner):
        return {"items": [_element(one) for one in inner]}
    return {one.tag.rpartition("}")[2]: _element(one) for one in inner}


def answer(name: str, body: bytes) -> dict[str, Any] | None:
    """The responseElements of one of the calls that are told whole."""
    try:
        told = _element(ElementTree.fromstring(body))
    except ElementTree.ParseError:
        return None
    if name in _NEWER:
        return {f"{name}Response": {"xmlns": _XMLNS, **told}}
    if "return" in told:
        told["_return"] = told.pop("return")
    return told
