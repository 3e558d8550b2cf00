"""The condition keys for the tags of the resource that a call is about (`aws:ResourceTag/...`).

They are looked up only where a policy of the caller asks for them.
"""

from __future__ import annotations

from moto.core.resource_tagging import iter_taggable_backends
from moto.ec2.models import ec2_backends
from moto.s3.models import s3_backends

from localaws.moto.principals import Principal
from localaws.moto.repairs.tagging import tags_of_trail


def _tags(account: str, arn: str) -> dict[str, str]:
    _, _, service, region, _, name = [*arn.split(":", 5), *[""] * 6][:6]
    match service:
        case "ec2":
            return dict(ec2_backends[account][region].tags.get(name.rpartition("/")[2], {}))
        case "s3":
            return s3_backends[account]["aws"].tagger.get_tag_dict_for_resource(arn.partition("/")[0])
        case "cloudtrail":
            return tags_of_trail(account, region, arn)
        case "logs":
            arn = arn.partition(":log-stream:")[0]
    if region:
        for backend in iter_taggable_backends(account, region):
            for resource in backend.iter_tagged_resources():
                if resource.arn == arn:
                    return dict(resource.tags)
    return {}


def of_resource(caller: Principal, account: str, arn: str | None) -> dict[str, str]:
    """The condition keys, in lower case."""
    policies = [*caller.policies, *(policy for limit in caller.limits for policy in limit)]
    if arn is None or not arn.startswith("arn:"):
        return {}
    if not any("resourcetag/" in policy.lower() for policy in policies):
        return {}
    tags = _tags(account, arn)
    service = arn.split(":")[2]
    return {
        f"{prefix}:resourcetag/{key.lower()}": value
        for key, value in tags.items()
        for prefix in ("aws", service)
    }
