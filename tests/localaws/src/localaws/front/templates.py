"""Templates of conformance packs in the admin's buckets, which moto cannot see: they are sent along.

The policy of such a bucket must let the caller's account or organization in.
"""

from __future__ import annotations

import json
from dataclasses import replace

from localaws.front.operations import Operation
from localaws.front.request import Request
from localaws.policy import trusts
from localaws.world import World


def _shared(bucket: str, key: str, account: str, world: World) -> dict[str, str] | None:
    """What is in an object of the admin's, and in which region, if the account may read it."""
    from ministack.core.responses import request_scope
    from ministack.services import s3

    with request_scope(world.admin, world.region):
        if bucket not in s3._buckets or (content := s3._get_object_data(bucket, key)) is None:
            return None
        policy = s3._bucket_policies.get(bucket) or '{"Statement": []}'
        region = s3._buckets[bucket].get("region") or world.region
    forms = {"*", account, f"arn:aws:iam::{account}:root"}
    context = {"aws:principalaccount": account, "aws:securetransport": "true"}
    context["aws:principalorgid"] = world.organization
    resource = f"arn:aws:s3:::{bucket}/{key}"
    if account != world.admin and not trusts(policy, forms, context, "s3:GetObject", resource):
        return None
    return {"region": region, "text": content.decode()}


def with_template(request: Request, operation: Operation, account: str, world: World) -> Request:
    """The request with the template that it points to, where that is the admin's."""
    address = operation.text("TemplateS3Uri") or ""
    if operation.name != "PutConformancePack" or not address.startswith("s3://"):
        return request
    bucket, _, key = address.removeprefix("s3://").partition("/")
    shared = _shared(bucket, key, account, world)
    if shared is None:
        return request
    return replace(request, body=json.dumps({**operation.params, "AdminTemplate": shared}).encode())
