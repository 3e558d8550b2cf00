"""S3: what moto does otherwise.

- PutBucketLogging fails beside a statement whose Principal is "*", and does not look at conditions.
- Bucket policies are taken unread; AWS refuses what is no policy, and a public one where it is blocked.
- A policy with any condition counts as not public; AWS looks whether the condition limits who may come.
- The expected bucket owner is not checked. Buckets are open to all accounts, also without a policy.
- The tags of a deleted bucket stay, and the next one of its name has them.
- ListBuckets stops at MaxBuckets without a token.
- GetBucketVersioning's answer is called after the operation; AWS calls it VersioningConfiguration, on
  which strict clients insist.
- MFA delete is not kept. Here it is, whatever code of a device comes with it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any
from xml.sax.saxutils import escape

from moto.core.responses import ActionResult
from moto.s3 import responses
from moto.s3.exceptions import (
    AccessForbidden,
    CrossLocationLoggingProhibited,
    InvalidTargetBucketForLogging,
    S3ClientError,
)
from moto.s3.models import FakeBucket, S3Backend, s3_backends
from moto.s3.responses import S3Response
from moto.s3control.models import s3control_backends

from localaws.moto import grants, organization
from localaws.moto.wsgi import Answer, Environ, account_of, scope_of
from localaws.policy import as_list, statements, trusts

_OWNER = {"ID": "bcaf1ffd86f41161ca5fb16fd081034f", "DisplayName": "webfile"}
_LOGGING = "logging.s3.amazonaws.com"
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


def _takes_logs(target: FakeBucket, source: FakeBucket, prefix: str) -> bool:
    """Whether the target's policy, or its ACL where it has one, lets the logs of a bucket in."""
    if grants.bucket_lets(target, _LOGGING, "s3:PutObject", source.arn, source.account_id, f"{prefix}log"):
        return True
    return target.ownership_rule not in (None, "BucketOwnerEnforced") and (
        FakeBucket._log_permissions_enabled_acl(target)
    )


def _check_log_buckets() -> None:
    def set_logging(self: FakeBucket, asked: dict[str, Any] | None, backend: S3Backend) -> None:
        if not asked:
            self.logging = {}
            return
        target = backend.buckets.get(asked["TargetBucket"])
        if target is None:
            message = "The owner for the bucket to be logged and the target bucket must be the same."
            raise InvalidTargetBucketForLogging(message)
        if target.region_name != self.region_name:
            raise CrossLocationLoggingProhibited
        if not _takes_logs(target, self, asked.get("TargetPrefix") or ""):
            message = "You must give the logging service permission to write to the target bucket."
            raise InvalidTargetBucketForLogging(message)
        self.logging = asked

    FakeBucket.set_logging = set_logging


def _forget_tags() -> None:
    delete = S3Backend.delete_bucket

    def delete_bucket(self: S3Backend, bucket_name: str) -> FakeBucket | None:
        gone = delete(self, bucket_name)
        if gone is not None:
            self.tagger.delete_all_tags_for_resource(gone.arn)
        return gone

    S3Backend.delete_bucket = delete_bucket


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


def _name_versioning() -> None:
    def get_bucket_versioning(self: S3Response) -> Any:
        status = self.backend.get_bucket_versioning(self.bucket_name)
        inside = f"<Status>{escape(status)}</Status>" if status else ""
        if needs_mfa := getattr(self.backend.get_bucket(self.bucket_name), "mfa_delete", None):
            inside += f"<MfaDelete>{needs_mfa}</MfaDelete>"
        body = f'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inside}</VersioningConfiguration>'
        return 200, {"Content-Type": "application/xml"}, body

    S3Response.get_bucket_versioning = get_bucket_versioning


def _keep_mfa_delete() -> None:
    put = S3Response._bucket_response_put

    def put_bucket(self: S3Response, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        answer = put(self, request, bucket_name, querystring)
        if "versioning" in querystring:
            given = re.search(r"<MfaDelete>(Enabled|Disabled)</MfaDelete>", self.body.decode())
            if given:
                self.backend.get_bucket(bucket_name).mfa_delete = given.group(1)
        return answer

    S3Response._bucket_response_put = put_bucket


def _lets_account(bucket: FakeBucket, account: str, action: str) -> bool:
    """Whether a bucket's policy lets somebody of another account in."""
    context = {"aws:principalaccount": account, "aws:securetransport": "true"}
    if organization_id := organization.organization_of(account):
        context["aws:principalorgid"] = organization_id
    forms = {"*", account, f"arn:aws:iam::{account}:root"}
    for statement in statements(bucket.policy.decode()) if bucket.policy else []:
        principal = statement.get("Principal", {})
        named = as_list(principal.get("AWS", [])) if isinstance(principal, dict) else [principal]
        forms |= {name for name in named if f"::{account}:" in name}
    return bucket.policy is not None and trusts(bucket.policy.decode(), forms, context, action)


def refuse(environ: Environ) -> Answer | None:
    """The refusal of a request from another account, or one that names another owner than the bucket has."""
    scope = scope_of(environ)
    if scope is None or scope[2] != "s3":
        return None
    bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    asks = account_of(environ)
    owner = s3_backends.bucket_accounts.get(bucket, (None, asks))[1]
    expected = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", owner)
    creates = environ["REQUEST_METHOD"] == "PUT" and not key and not environ.get("QUERY_STRING")
    action = json.loads(environ.get("HTTP_X_LOCALAWS_CHECK", "{}")).get("action", "s3:*")
    stranger = owner != asks and not creates
    if owner == expected and not (
        stranger and not _lets_account(s3_backends[owner]["aws"].buckets[bucket], asks, action)
    ):
        return None
    fields = (
        f"<Code>AccessDenied</Code><Message>Access Denied</Message><BucketName>{escape(bucket)}</BucketName>"
    )
    body = f"<Error>{fields}</Error>"
    return Answer(403, body.encode(), [("Content-Type", "application/xml")])


def apply() -> None:
    """Mend it."""
    _read_policies()
    _check_log_buckets()
    _forget_tags()
    _page_buckets()
    _name_versioning()
    _keep_mfa_delete()
