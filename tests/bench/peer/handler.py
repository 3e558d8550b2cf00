"""The job of control S3.5 the way remediation scripts are commonly written: the yardstick of the benchmark.

A Lambda handler over an SQS batch of the router's jobs, with boto3 and clients at module level. It makes the
same promises in the same order: enter the account, read, save what was, note the run, write, read again,
record, answer the finding. It does less than Redress where such scripts do less: no lock, no session policy,
no look at whether the bucket serves a website, no second reading just before the write.
"""

import json
import logging
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

TABLE = os.environ["REDRESS_LEDGER_TABLE"]
VAULT = os.environ["REDRESS_VAULT_BUCKET"]
ROLE = os.environ["REDRESS_MEMBER_ROLE_NAME"]
EXTERNAL_ID = os.environ["REDRESS_EXTERNAL_ID"]

sts = boto3.client("sts")
s3 = boto3.client("s3")
dynamodb = boto3.client("dynamodb")
securityhub = boto3.client("securityhub")

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work on a batch; the messages that failed come again."""
    failures = []
    for record in event["Records"]:
        try:
            job = json.loads(record["body"])
            if "S3.5" in job["controls"]:
                remediate(job)
            else:
                logger.info("skipped: %s is not handled here", job["controls"])
        except Exception:
            logger.exception("message %s failed", record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def remediate(job: dict[str, Any]) -> None:
    """Deny plain HTTP on the bucket of the job."""
    run, resource = str(uuid.uuid4()), job["resource"]
    bucket = resource["id"].rpartition(":::")[2]
    member = member_s3(resource, run)
    before = read_policy(member, bucket)
    if denies_plain_http(before, bucket):
        answer(job, run, "compliant", "nothing was changed")
        return
    after = with_deny(before, bucket)
    image = {"run": run, "resource": resource, "before": before, "after": after}
    s3.put_object(Bucket=VAULT, Key=f"before/{run}.json", Body=json.dumps(image).encode())
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "pk": {"S": f"RUN#{run}"},
            "sk": {"S": "RECORD"},
            "account": {"S": resource["account"]},
            "resource": {"S": resource["id"]},
            "outcome": {"S": "started"},
            "started": {"S": datetime.now(UTC).isoformat()},
        },
    )
    member.put_bucket_policy(Bucket=bucket, Policy=json.dumps(after))
    verified = denies_plain_http(read_policy(member, bucket), bucket)
    outcome = "remediated" if verified else "failed"
    dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"RUN#{run}"}, "sk": {"S": "RECORD"}},
        UpdateExpression="SET outcome = :outcome, ended = :ended",
        ExpressionAttributeValues={":outcome": {"S": outcome}, ":ended": {"S": datetime.now(UTC).isoformat()}},
    )
    answer(job, run, outcome, "changed and verified" if verified else "changed, but not verified")
    logger.info("run %s: %s %s", run, bucket, outcome)


def member_s3(resource: dict[str, Any], run: str) -> Any:
    """An S3 client in the account of the resource."""
    assumed = sts.assume_role(
        RoleArn=f"arn:{resource['partition']}:iam::{resource['account']}:role/{ROLE}",
        RoleSessionName=f"remediate-{run}"[:64],
        ExternalId=EXTERNAL_ID,
        DurationSeconds=900,
    )["Credentials"]
    return boto3.client(
        "s3",
        region_name=resource["region"],
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )


def read_policy(client: Any, bucket: str) -> dict[str, Any]:
    """The bucket's policy, an empty one where there is none."""
    try:
        return json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return {"Version": "2012-10-17", "Statement": []}
        raise


def deny(bucket: str) -> dict[str, Any]:
    """The statement that S3.5 asks for."""
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def denies_plain_http(policy: dict[str, Any], bucket: str) -> bool:
    """Whether the policy has the statement."""
    wanted = {**deny(bucket), "Sid": None}
    return any({**statement, "Sid": None} == wanted for statement in policy["Statement"])


def with_deny(policy: dict[str, Any], bucket: str) -> dict[str, Any]:
    """The policy with the statement added."""
    return {**policy, "Statement": [*policy["Statement"], deny(bucket)]}


def answer(job: dict[str, Any], run: str, outcome: str, text: str) -> None:
    """Tell the finding."""
    finding = {"Id": job["finding"]["id"], "ProductArn": job["finding"]["product"]}
    done = securityhub.batch_update_findings(
        FindingIdentifiers=[finding],
        Note={"Text": f"{text} [run {run}]", "UpdatedBy": "peer"},
        UserDefinedFields={"run": run, "outcome": outcome},
        Workflow={"Status": "NOTIFIED" if outcome == "failed" else "RESOLVED"},
    )
    if done["UnprocessedFindings"]:
        raise RuntimeError(f"the finding was not updated: {done['UnprocessedFindings']}")
