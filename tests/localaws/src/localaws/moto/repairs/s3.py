"""S3: what moto does otherwise.

- PutBucketLogging fails beside a statement whose Principal is "*".
- Bucket policies are taken unread; AWS refuses what is no policy, and a public one where it is blocked.
- A policy with any condition counts as not public; AWS looks whether the condition limits who may come.
- The expected bucket owner is not checked.
- ListBuckets stops at MaxBuckets without a token.
"""

from __future__ import annotations

import ipaddress
import json
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape

from moto.core.responses import ActionResult
from moto.s3 import responses
from moto.s3.exceptions import AccessForbidden, S3ClientError
from moto.s3.models import FakeBucket, S3Backend, s3_backends
from moto.s3.responses import S3Response
from moto.s3control.models import s3control_backends

from localaws.moto.wsgi import Answer, Environ, scope_of
from localaws.policy import as_list

_OWNER = {"ID": "bcaf1ffd86f41161ca5fb16fd081034f", "DisplayName": "webfile"}
_MAX_POLICY = 20 * 1024
_LIMITING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
_EXACT = frozenset({"ArnEquals", "ArnLike", "StringEquals", "StringEqualsIgnoreCase", "StringLike"})


def _narrow(cidr: str) -> bool:
    network = ipaddress.ip_network(cidr, strict=False)
    return network.prefixlen >= (8 if network.version == 4 else 32)


def _limits(operator: str, key: str, values: list[Any]) -> bool:
    """Whether a condition keeps strangers out: a fixed value for a key of the caller's origin."""
    if key.lower() == "aws:sourceip":
        return operator == "IpAddress" and all(_narrow(str(v)) for v in values)
    fixed = all(not set("*?$") & set(str(v).rpartition(":")[0] or str(v)) for v in values)
    return key.lower() in _LIMITING and operator in _EXACT and fixed


def is_public(policy: bytes | str) -> bool:
    """Whether a bucket policy lets everybody in."""
    for statement in as_list(json.loads(policy).get("Statement", [])):
        principal = statement.get("Principal", {})
        named = as_list(principal.get("AWS", [])) if isinstance(principal, dict) else as_list(principal)
        if statement.get("Effect") != "Allow" or "*" not in named:
            continue
        conditions = statement.get("Condition", {}).items()
        if not any(_limits(op, key, as_list(v)) for op, entries in conditions for key, v in entries.items()):
            return True
    return False


def _malformed(policy: bytes, bucket: str) -> str | None:
    """What is wrong with a bucket policy."""
    if len(policy) > _MAX_POLICY:
        return "Policy exceeds the maximum allowed document size"
    try:
        statements = as_list(json.loads(policy)["Statement"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return "Policies must be valid JSON and the first byte must be '{'"
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return "Missing required field Effect"
        for field in ("Principal", "Action", "Resource"):
            if field not in statement and f"Not{field}" not in statement:
                return f"Missing required field {field}"
        for resource in as_list(statement.get("Resource", [])):
            if resource.split(":::")[-1].split("/")[0] != bucket and not set("*?") & set(resource):
                return "Policy has invalid resource"
    return None if statements else "Could not parse the policy: Statement is empty!"


def _blocks_public_policies(account: str, bucket: FakeBucket) -> bool:
    of_account = s3control_backends[account]["aws"].public_access_block
    return any(
        block is not None and block.block_public_policy for block in (bucket.public_access_block, of_account)
    )


def _read_policies() -> None:
    put = S3Backend.put_bucket_policy

    def put_bucket_policy(self: S3Backend, bucket_name: str, policy: bytes) -> None:
        text = policy.encode() if isinstance(policy, str) else policy
        if problem := _malformed(text, bucket_name):
            raise S3ClientError("MalformedPolicy", problem)
        if is_public(text) and _blocks_public_policies(self.account_id, self.get_bucket(bucket_name)):
            raise AccessForbidden(
                "Access Denied: public policies are blocked by the BlockPublicPolicy setting"
            )
        put(self, bucket_name, policy)

    S3Backend.put_bucket_policy = put_bucket_policy
    responses.bucket_policy_is_public = is_public


def _log_beside_denies() -> None:
    permits = FakeBucket._log_permissions_enabled_policy

    def permits_logging(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        document = json.loads(target_bucket.policy.decode()) if target_bucket.policy else {"Statement": []}
        statements = [s for s in as_list(document["Statement"]) if isinstance(s.get("Principal"), dict)]
        for statement in statements:
            resources = as_list(statement.get("Resource"))
            for resource in resources:
                alone = json.dumps({"Statement": [statement | {"Resource": resource}]}).encode()
                bucket = SimpleNamespace(
                    policy=alone, partition=target_bucket.partition, name=target_bucket.name
                )
                if permits(bucket, target_prefix):
                    return True
        return False

    FakeBucket._log_permissions_enabled_policy = staticmethod(permits_logging)


def _page_buckets() -> None:
    def all_buckets(self: S3Response) -> Any:
        found = self.backend.list_buckets(self._get_param("prefix"), self._get_param("bucket-region"), None)
        size = int(self._get_param("max-buckets") or 10_000)
        after = self._get_param("continuation-token") or ""
        left = sorted((b for b in found if b.name > after), key=lambda b: b.name)
        page = left[:size]
        result: dict[str, Any] = {
            "Owner": _OWNER,
            "Buckets": [
                {
                    "Name": b.name,
                    "CreationDate": b.creation_date_ISO8601,
                    "BucketRegion": b.region_name,
                }
                for b in page
            ],
        }
        if len(left) > size:
            result["ContinuationToken"] = page[-1].name
        self.data["Action"] = "ListBuckets"
        return self.serialized(ActionResult(result))

    S3Response.all_buckets = all_buckets


def refuse(environ: Environ) -> Answer | None:
    """The refusal of a request which names another owner than the bucket has."""
    expected = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER")
    scope = scope_of(environ)
    if expected is None or scope is None or scope[2] != "s3":
        return None
    bucket = environ["PATH_INFO"].lstrip("/").partition("/")[0]
    owner = s3_backends.bucket_accounts.get(bucket, (None, expected))[1]
    if owner == expected:
        return None
    fields = (
        f"<Code>AccessDenied</Code><Message>Access Denied</Message><BucketName>{escape(bucket)}</BucketName>"
    )
    body = f"<Error>{fields}</Error>"
    return Answer(403, body.encode(), [("Content-Type", "application/xml")])


def apply() -> None:
    """Mend it."""
    _read_policies()
    _log_beside_denies()
    _page_buckets()
