"""Config's conformance packs, which moto has not at all but for those of an organization.

- A pack needs a recorder that records, and a template with nothing but rules and their remediation.
- Its rules and its stack are not there to be seen, and nothing is evaluated. As on AWS a pack does not tell
  its template again.
- Rules that are no managed ones, or lack what these require, let the deployment fail afterwards, as does
  a door.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from moto.config import models
from moto.config.responses import ConfigResponse
from moto.core.exceptions import JsonRESTError

from localaws import recorders
from localaws.moto import grants
from localaws.moto.inventory import tell_too
from localaws.moto.transitions import Passing, passing

_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,255}")
_RULE, _REMEDIATION = "AWS::Config::ConfigRule", "AWS::Config::RemediationConfiguration"
_OWNERS = frozenset({"AWS", "CUSTOM_LAMBDA", "CUSTOM_POLICY"})
_BODY_LIMIT, _OBJECT_LIMIT = 51_200, 300 * 1024
_MOST_PACKS, _MOST_RULES, _PAGE = 50, 130, 20
_GONE = "gone"
_NO_RECORDER = "You must create a configuration recorder before you can create or update a Config rule."


@dataclass
class _Pack:
    template: dict[str, Any]
    parameters: dict[str, str]
    delivery: dict[str, str]
    tags: dict[str, str]
    state: Passing
    reason: str | None = None
    requested: float = field(default_factory=time.time)


_packs: dict[tuple[str, str, str], _Pack] = {}
_failing: dict[tuple[str, str], str] = {}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)


def put_failure(account: str, region: str, reason: str | None) -> dict[str, str | None]:
    """Let the packs that are put from now on fail for a reason, or no longer."""
    if reason is None:
        _failing.pop((account, region), None)
    else:
        _failing[account, region] = reason
    return {"reason": reason}


def _invalid(message: str) -> JsonRESTError:
    return JsonRESTError("ConformancePackTemplateValidationException", message)


def _parsed(text: str) -> dict[str, Any]:
    """The template; what is wrong with its form is refused."""
    try:
        template = yaml.load(text, _Loader)
    except yaml.YAMLError as mistake:
        raise _invalid(f"Template is not valid YAML: {mistake}") from None
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict) or not all(isinstance(one, dict) for one in resources.values()):
        raise _invalid("Template must have Resources.")
    rules = [one for one in resources.values() if one.get("Type") == _RULE]
    for name, one in resources.items():
        if one.get("Type") not in (_RULE, _REMEDIATION):
            raise _invalid(f"Resource {name}: type {one.get('Type')} is not supported in conformance packs.")
    for rule in rules:
        source = (rule.get("Properties") or {}).get("Source") or {}
        if source.get("Owner") not in _OWNERS:
            raise _invalid(f"A rule must have a Source with an Owner: {', '.join(sorted(_OWNERS))}.")
    if not 1 <= len(rules) <= _MOST_RULES:
        raise _invalid(f"Template has {len(rules)} rules, and must have from 1 to {_MOST_RULES}.")
    return template


def _given(template: dict[str, Any], asked: list[dict[str, str]]) -> dict[str, str]:
    """The input parameters, of which the template must have all and lack none."""
    declared = template.get("Parameters") or {}
    given = {one["ParameterName"]: one["ParameterValue"] for one in asked}
    if unknown := sorted(given.keys() - declared.keys()):
        raise _invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    needed = {name for name, one in declared.items() if "Default" not in (one or {})}
    if missing := sorted(needed - given.keys()):
        raise _invalid(f"Parameters: [{', '.join(missing)}] must have values")
    return given


def _why_not(template: dict[str, Any]) -> str | None:
    """Why the stack of the rules does not come about."""
    known = models.MANAGED_RULES["ManagedRules"]
    for name, one in template["Resources"].items():
        properties = one.get("Properties") or {}
        source = properties.get("Source") or {}
        if one["Type"] != _RULE or source["Owner"] != "AWS":
            continue
        rule = known.get(source.get("SourceIdentifier"))
        if rule is None:
            identifier = source.get("SourceIdentifier")
            return (
                f"{name}: The sourceIdentifier {identifier} is invalid. Please refer to the documentation "
                "for a list of valid sourceIdentifiers that can be used when AWS is the Owner."
            )
        needed = {p["Name"] for p in rule["Parameters"] if not p["Optional"]}
        if missing := sorted(needed - (properties.get("InputParameters") or {}).keys()):
            told = ", ".join(missing)
            return f"{name}: The required parameter [{told}] is not present in the inputParameters."
    return None


def _in_bucket(address: str, account: str, region: str, beside: dict[str, str] | None) -> str:
    """The text of a template in a bucket of the region; one of the admin's comes with the request."""
    found = re.fullmatch(r"s3://([^/]+)/(.+)", address)
    bucket = grants.bucket_named(found[1]) if found else None
    content = bucket.keys.get(found[2]) if found and bucket and bucket.account_id == account else None
    if content is not None:
        beside = {"region": bucket.region_name, "text": content.value.decode()}
    if beside is None:
        problem = "You do not have permission to read Amazon S3 bucket or the template is not there"
        raise JsonRESTError("InsufficientPermissionsException", f"{problem}: {address}")
    if beside["region"] != region:
        raise JsonRESTError("InvalidParameterValueException", f"The bucket of {address} is not in {region}.")
    if len(beside["text"].encode()) > _OBJECT_LIMIT:
        raise _invalid(f"The template at {address} is larger than 300 KB.")
    return beside["text"]


def _text(response: ConfigResponse) -> str:
    body, address = response._get_param("TemplateBody"), response._get_param("TemplateS3Uri")
    if (body is None) == (address is None):
        problem = "You must specify only one of the follow parameters: TemplateS3Uri, TemplateBody or "
        raise JsonRESTError("InvalidParameterValueException", f"{problem}TemplateSSMDocumentDetails.")
    if address is not None:
        beside = response._get_param("AdminTemplate")
        return _in_bucket(address, response.current_account, response.region, beside)
    if not 1 <= len(body.encode()) <= _BODY_LIMIT:
        raise JsonRESTError(
            "ValidationException",
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must "
            f"have length less than or equal to {_BODY_LIMIT}",
        )
    return body


def _settled(place: tuple[str, str, str]) -> _Pack | None:
    """A pack, unless it is gone by now."""
    pack = _packs.get(place)
    if pack is not None and pack.state.now == _GONE:
        del _packs[place]
        return None
    return pack


def _no_pack(names: list[str]) -> JsonRESTError:
    told = "One or more conformance packs with specified names are not present. Ensure your names are correct"
    return JsonRESTError("NoSuchConformancePackException", f"{told}: [{', '.join(names)}]")


def _busy(pack: _Pack | None, name: str) -> None:
    if pack is not None and pack.state.now.endswith("_IN_PROGRESS"):
        raise JsonRESTError(
            "ResourceInUseException",
            f"Conformance pack {name} is in the state {pack.state.now}. Try your request again later.",
        )


def put_conformance_pack(self: ConfigResponse) -> str:
    name = self._get_param("ConformancePackName") or ""
    if not _NAME.fullmatch(name):
        raise JsonRESTError("ValidationException", "conformancePackName failed to satisfy constraint")
    own = (self.current_account, self.region)
    place = (*own, name)
    pack = _settled(place)
    _busy(pack, name)
    if not any(recorder.status.recording for recorder in self.config_backend.recorders.values()):
        raise JsonRESTError("NoAvailableConfigurationRecorderException", _NO_RECORDER)
    template = _parsed(_text(self))
    given = _given(template, self._get_param("ConformancePackInputParameters") or [])
    if pack is None and sum(known[:2] == own for known in _packs) >= _MOST_PACKS:
        raise JsonRESTError(
            "MaxNumberOfConformancePacksExceededException", f"There are {_MOST_PACKS} conformance packs."
        )
    reason = _failing.get(own) or _why_not(template)
    done = "CREATE_FAILED" if reason else "CREATE_COMPLETE"
    delivery = {key: self._get_param(key) for key in ("DeliveryS3Bucket", "DeliveryS3KeyPrefix")}
    tags = {tag["Key"]: tag.get("Value", "") for tag in self._get_param("Tags") or []}
    _packs[place] = _Pack(
        template,
        given,
        {key: value for key, value in delivery.items() if value},
        pack.tags if pack else tags,
        passing(own[0], "conformance-pack", "CREATE_IN_PROGRESS", done),
        reason,
    )
    return json.dumps({"ConformancePackArn": recorders.pack_arn_of(*place)})


def delete_conformance_pack(self: ConfigResponse) -> str:
    name = self._get_param("ConformancePackName") or ""
    place = (self.current_account, self.region, name)
    pack = _settled(place)
    if pack is None:
        raise _no_pack([name])
    _busy(pack, name)
    pack.state = passing(place[0], "conformance-pack", "DELETE_IN_PROGRESS", _GONE)
    _settled(place)
    return ""


def _page(response: ConfigResponse) -> tuple[list[tuple[tuple[str, str, str], _Pack]], dict[str, str]]:
    """The packs that are asked for, and the token of the next page."""
    own, names = (response.current_account, response.region), response._get_param("ConformancePackNames")
    limit, start = response._get_param("Limit") or _PAGE, response._get_param("NextToken") or "0"
    if not 0 < int(limit) <= _PAGE:
        raise JsonRESTError("InvalidLimitException", f"The limit {limit} is not between 0 and {_PAGE}.")
    if not start.isdigit():
        raise JsonRESTError("InvalidNextTokenException", "The nextToken is not valid.")
    there = {place[2]: pack for place in sorted(_packs) if place[:2] == own and (pack := _settled(place))}
    if missing := [name for name in names or [] if name not in there]:
        raise _no_pack(missing)
    wanted = [((*own, name), pack) for name, pack in there.items() if not names or name in names]
    end = int(start) + int(limit)
    return wanted[int(start) : end], {"NextToken": str(end)} if end < len(wanted) else {}


def _named(place: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "ConformancePackName": place[2],
        "ConformancePackArn": recorders.pack_arn_of(*place),
        "ConformancePackId": recorders.pack_id(*place),
    }


def describe_conformance_packs(self: ConfigResponse) -> str:
    page, more = _page(self)
    told = []
    for place, pack in page:
        given = [{"ParameterName": name, "ParameterValue": value} for name, value in pack.parameters.items()]
        inputs = {"ConformancePackInputParameters": given}
        told.append({**_named(place), **pack.delivery, **inputs, "LastUpdateRequestedTime": pack.requested})
    return json.dumps({"ConformancePackDetails": told, **more})


def describe_conformance_pack_status(self: ConfigResponse) -> str:
    page, more = _page(self)
    told = []
    for place, pack in page:
        account, region, name = place
        stack = f"awsconfigconforms-{name}-{recorders.pack_id(*place)}"
        state = pack.state.look()
        one = {
            **_named(place),
            "ConformancePackState": state,
            "StackArn": f"arn:aws:cloudformation:{region}:{account}:stack/{stack}",
            "LastUpdateRequestedTime": pack.requested,
        }
        if not state.endswith("_IN_PROGRESS"):
            one["LastUpdateCompletedTime"] = pack.requested
            one |= {"ConformancePackStatusReason": pack.reason} if pack.reason else {}
        told.append(one)
    return json.dumps({"ConformancePackStatusDetails": told, **more})


@tell_too
def _everything(account: str) -> Iterator[tuple[str, Any]]:
    for place, pack in list(_packs.items()):
        if place[0] == account and pack.state.done != _GONE:
            told = {"template": pack.template, "parameters": pack.parameters, "delivery": pack.delivery}
            state = {"state": pack.state.done, "reason": pack.reason, "tags": pack.tags}
            yield f"config/{place[1]}/conformance_packs/{place[2]}", {**told, **state}


def apply() -> None:
    """Mend it."""
    for call in (
        delete_conformance_pack,
        describe_conformance_pack_status,
        describe_conformance_packs,
        put_conformance_pack,
    ):
        setattr(ConfigResponse, call.__name__, call)
