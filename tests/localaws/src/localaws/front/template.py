"""From the SAM template to what MiniStack's CloudFormation can create.

`sam package` is replaced by pointing each function at an object of the artefact bucket; the object is a zip
whose `bootstrap` runs the binary where it was built, so that nothing large is copied. Resource types which
MiniStack does not know are left out and told.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ARTEFACTS = "localaws-artefacts"


@dataclass(frozen=True)
class Package:
    """A transformed template and the objects which it expects in the artefact bucket."""

    template: dict[str, Any]
    objects: dict[str, bytes]
    left_out: list[str]


class _NoManagedPolicies:
    """The template writes its roles out, so the translator needs no list of managed policies."""

    def load(self) -> dict[str, str]:
        return {}


def _kebab(logical_id: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", logical_id).lower()


def _names(logical_id: str, resource: Mapping[str, Any]) -> set[str]:
    """The names by which the command line may call a function."""
    binary = resource.get("Metadata", {}).get("BuildProperties", {}).get("Binary")
    named = resource["Properties"].get("FunctionName")
    return {n for n in (logical_id, _kebab(logical_id), binary, named) if isinstance(n, str)}


def bootstrap_zip(binary: Path | None, label: str) -> bytes:
    """A deployment package which runs `binary`, or reports that there is none."""
    if binary is None:
        script = f"#!/bin/sh\necho 'no binary was given for {label}' >&2\nexit 1\n"
    else:
        script = f"#!/bin/sh\nexec '{binary}' \"$@\"\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, script)
    return packed.getvalue()


def package(
    path: Path, binaries: Mapping[str, Path], supported: Collection[str], visibility_seconds: int | None
) -> Package:
    """Transform the template at `path`. `binaries` are by function name; an unknown name is an error."""
    source = yaml_parse(path.read_text())
    source.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    objects: dict[str, bytes] = {}
    unused = set(binaries)
    for logical_id, resource in source["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        names = _names(logical_id, resource)
        given = next((binaries[n] for n in binaries if n in names), None)
        unused -= names
        objects[f"{logical_id}.zip"] = bootstrap_zip(given and given.resolve(), logical_id)
        resource["Properties"]["CodeUri"] = f"s3://{ARTEFACTS}/{logical_id}.zip"
    if unused:
        raise ValueError(f"the template has no function for --function {', '.join(sorted(unused))}")
    _write_out_definitions(source, path)
    template = transform(source, {}, _NoManagedPolicies())
    left_out = _leave_out(template, supported)
    if visibility_seconds is not None:
        _lower_visibility(template, visibility_seconds)
    return Package(template, objects, left_out)


def _write_out_definitions(source: dict[str, Any], path: Path) -> None:
    """`sam package` uploads the definitions of state machines; here they are put into the template."""
    for resource in source["Resources"].values():
        if resource["Type"] != "AWS::Serverless::StateMachine":
            continue
        given = resource["Properties"].pop("DefinitionUri", None)
        if isinstance(given, str) and not given.startswith("s3://"):
            resource["Properties"]["Definition"] = yaml_parse((path.parent / given).read_text())


def _leave_out(template: dict[str, Any], supported: Collection[str]) -> list[str]:
    resources = template["Resources"]
    unknown = [i for i, r in resources.items() if r["Type"] not in supported and ":Custom" not in r["Type"]]
    for logical_id in unknown:
        del resources[logical_id]
    return sorted(unknown)


def _lower_visibility(template: dict[str, Any], seconds: int) -> None:
    """So that failed messages come back while a test waits. Queues that are polled by a function only."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::SQS::Queue":
            resource.setdefault("Properties", {})["VisibilityTimeout"] = seconds
