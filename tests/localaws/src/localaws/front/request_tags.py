"""The tags that a request gives to something, in whatever form its protocol has them."""

from __future__ import annotations

import re
from typing import Any

_IN_FORM = re.compile(r"((?:.*\.)?Tags?(?:\.[A-Za-z]+)?\.\d+)\.(Key|Value)")


def _listed(tags: Any) -> dict[str, str]:
    if isinstance(tags, dict):
        return {key: str(value) for key, value in tags.items()}
    if not isinstance(tags, list):
        return {}
    pairs = (
        (tag.get("Key") or tag.get("TagKey"), tag.get("Value") or tag.get("TagValue") or "")
        for tag in tags
        if isinstance(tag, dict)
    )
    return {key: str(value) for key, value in pairs if key}


def request_tags(params: dict[str, Any]) -> dict[str, str]:
    """Keys and values. Those in the bodies of S3 are not looked at."""
    found: dict[str, str] = {}
    for name in ("Tags", "TagsList", "tags"):
        found |= _listed(params.get(name))
    in_form: dict[str, dict[str, str]] = {}
    for name, value in params.items():
        if matched := _IN_FORM.fullmatch(name):
            in_form.setdefault(matched[1], {})[matched[2]] = value
    return found | {tag["Key"]: tag.get("Value", "") for tag in in_form.values() if "Key" in tag}
