"""The inventory tells everything that is in an account, and what a change changed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError as ParserError
from conftest import Local

Client = Callable[..., Any]
Made = dict[str, str]


def inventory(local: Local, account: str) -> dict[str, Any]:
    status, found = local.door("POST", "inventory", {"account": account})
    assert status == 200, found
    return found


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def _furnish(local: Local, account: str) -> dict[str, str]:
    """One of many things, with tags and settings."""
    ec2, s3, iam = (local.client(service, account) for service in ("ec2", "s3", "iam"))
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = {"vpc": vpc, "bucket": f"data-{account}"}
    made["group"] = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    made["volume"] = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    image = "ami-12345678"
    run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SecurityGroupIds=[made["group"]])
    made["instance"] = run["Instances"][0]["InstanceId"]
    s3.create_bucket(Bucket=made["bucket"])
    s3.put_object(Bucket=made["bucket"], Key="a/b", Body=b"one")
    iam.create_user(UserName="user", Tags=[{"Key": "team", "Value": "one"}])
    iam.create_group(GroupName="group")
    made["key"] = local.client("kms", account).create_key()["KeyMetadata"]["KeyId"]
    local.client("logs", account, "eu-west-1").create_log_group(logGroupName="logs")
    database = {"DBInstanceIdentifier": "db", "DBInstanceClass": "db.t3.medium", "Engine": "postgres"}
    secrets = {"MasterUsername": "root", "MasterUserPassword": "a-password", "AllocatedStorage": 20}
    local.client("rds", account).create_db_instance(**database, **secrets)
    made["topic"] = local.client("sns", account).create_topic(Name="topic")["TopicArn"]
    local.client("sqs", account).create_queue(QueueName="queue")
    made["fs"] = local.client("efs", account).create_file_system(CreationToken="t")["FileSystemId"]
    local.client("ssm", account).put_parameter(Name="/a/b", Value="one", Type="String")
    local.client("secretsmanager", account).create_secret(Name="secret", SecretString="one")
    table = {"TableName": "table", "BillingMode": "PAY_PER_REQUEST"}
    table |= {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
    table |= {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}
    local.client("dynamodb", account).create_table(**table)
    return made


_READ = (
    "accessanalyzer",
    "acm",
    "cloudtrail",
    "cloudwatch",
    "config",
    "dynamodb",
    "ec2",
    "efs",
    "elbv2",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "rds",
    "resourcegroupstaggingapi",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
)


_CATALOGUES = ("DescribeInstanceType", "DescribeSpotPrice", "DescribeVpcEndpointServices")


def _look(local: Local, account: str) -> None:
    """Read all that can be read without saying what, also where nobody was before."""
    for service in _READ:
        for region in ("us-east-1", "eu-central-1"):
            client = local.client(service, account, region)
            for method, name in client.meta.method_to_api_mapping.items():
                asked = client.meta.service_model.operation_model(name).input_shape
                reads = name.startswith(("Describe", "Get", "List")) and not name.startswith(_CATALOGUES)
                if reads and not (asked and asked.required_members):
                    with contextlib.suppress(ClientError, ParserError):
                        getattr(client, method)()
    iam, s3 = local.client("iam", account), local.client("s3", account)
    iam.generate_credential_report()
    iam.get_credential_report()
    iam.list_user_tags(UserName="user")
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    s3.get_bucket_acl(Bucket=bucket)
    s3.get_object(Bucket=bucket, Key="a/b")["Body"].read()
    s3.list_objects_v2(Bucket=bucket)
    key = local.client("kms", account).list_keys()["Keys"][0]["KeyId"]
    local.client("kms", account).describe_key(KeyId=key)
    local.client("dynamodb", account).describe_table(TableName="table")


@pytest.fixture(scope="module")
def furnished(local: Local) -> tuple[str, Made]:
    account = local.account()
    return account, _furnish(local, account)


def test_reading_changes_nothing_and_everything_has_a_key(local: Local, account: str) -> None:
    made = _furnish(local, account)
    first = inventory(local, account)
    assert inventory(local, account) == first
    _look(local, account)
    second = inventory(local, account)
    assert differing(first, second) == []
    assert " object at 0x" not in json.dumps(first)
    expected = {
        f"ec2/us-east-1/groups/{made['vpc']}/{made['group']}",
        f"ec2/us-east-1/instances/{made['instance']}",
        f"ec2/us-east-1/volumes/{made['volume']}",
        f"s3/global/buckets/{made['bucket']}",
        f"s3/global/objects/{made['bucket']}/a/b",
        f"kms/us-east-1/keys/{made['key']}",
        "iam/global/users/user",
        "iam/global/roles/RedressMemberRole",
        f"iam/global/tags/arn:aws:iam::{account}:user/user",
        "logs/eu-west-1/groups/logs",
        "rds/us-east-1/databases/db",
    }
    assert expected - first.keys() == set()


def _tag_the_group(client: Client, made: Made) -> list[str]:
    client("ec2").create_tags(Resources=[made["group"]], Tags=[{"Key": "a", "Value": "b"}])
    return [f"ec2/us-east-1/tags/{made['group']}"]


def _open_the_group(client: Client, made: Made) -> list[str]:
    ports = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
    client("ec2").authorize_security_group_ingress(GroupId=made["group"], **ports)
    return [f"ec2/us-east-1/groups/{made['vpc']}/{made['group']}"]


def _close_a_default_group(client: Client, made: Made) -> list[str]:
    ec2 = client("ec2", region="eu-central-1")
    by_default = [{"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=by_default)["SecurityGroups"]
    ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    return [f"ec2/eu-central-1/groups/{group['VpcId']}/{group['GroupId']}"]


def _encrypt_volumes(client: Client, made: Made) -> list[str]:
    client("ec2").enable_ebs_encryption_by_default()
    return ["ec2/us-east-1/settings/ebs_encryption_by_default"]


def _require_tokens(client: Client, made: Made) -> list[str]:
    client("ec2").modify_instance_metadata_options(InstanceId=made["instance"], HttpTokens="required")
    return [f"ec2/us-east-1/instances/{made['instance']}"]


def _delete_a_default_network_acl_entry(client: Client, made: Made) -> list[str]:
    (acl,) = client("ec2").describe_network_acls()["NetworkAcls"]
    client("ec2").delete_network_acl_entry(NetworkAclId=acl["NetworkAclId"], RuleNumber=100, Egress=False)
    return [f"ec2/us-east-1/network_acls/{acl['NetworkAclId']}"]


def _delete_a_default_subnet(client: Client, made: Made) -> list[str]:
    subnet = client("ec2").describe_subnets()["Subnets"][-1]
    client("ec2").delete_subnet(SubnetId=subnet["SubnetId"])
    return [f"ec2/us-east-1/subnets/{subnet['AvailabilityZone']}/{subnet['SubnetId']}"]


def _new_bucket(client: Client, made: Made) -> list[str]:
    client("s3").create_bucket(Bucket=f"another-{made['bucket']}")
    return [f"s3/global/buckets/another-{made['bucket']}"]


def _bucket_policy(client: Client, made: Made) -> list[str]:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    statement |= {"Resource": f"arn:aws:s3:::{made['bucket']}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("s3").put_bucket_policy(Bucket=made["bucket"], Policy=policy)
    return [f"s3/global/buckets/{made['bucket']}"]


def _bucket_tags(client: Client, made: Made) -> list[str]:
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    client("s3").put_bucket_tagging(Bucket=made["bucket"], Tagging=tags)
    return [f"s3/global/tags/arn:aws:s3:::{made['bucket']}"]


def _object(client: Client, made: Made) -> list[str]:
    client("s3").put_object(Bucket=made["bucket"], Key="a/b", Body=b"two")
    return [f"s3/global/objects/{made['bucket']}/a/b"]


def _attach_a_policy(client: Client, made: Made) -> list[str]:
    arn = "arn:aws:iam::aws:policy/AWSSupportAccess"
    client("iam").attach_group_policy(GroupName="group", PolicyArn=arn)
    return ["iam/global/groups/group"]


def _join_a_group(client: Client, made: Made) -> list[str]:
    client("iam").add_user_to_group(GroupName="group", UserName="user")
    return ["iam/global/groups/group"]


def _new_access_key(client: Client, made: Made) -> list[str]:
    client("iam").create_access_key(UserName="user")
    return ["iam/global/users/user"]


def _password_policy(client: Client, made: Made) -> list[str]:
    client("iam").update_account_password_policy(MinimumPasswordLength=14)
    return ["iam/global/account_password_policy"]


def _rotate_the_key(client: Client, made: Made) -> list[str]:
    client("kms").enable_key_rotation(KeyId=made["key"])
    return [f"kms/us-east-1/keys/{made['key']}"]


def _name_the_key(client: Client, made: Made) -> list[str]:
    client("kms").create_alias(AliasName="alias/a", TargetKeyId=made["key"])
    return [f"kms/us-east-1/keys/{made['key']}"]


def _keep_logs(client: Client, made: Made) -> list[str]:
    client("logs", region="eu-west-1").put_retention_policy(logGroupName="logs", retentionInDays=30)
    return ["logs/eu-west-1/groups/logs"]


def _modify_the_database(client: Client, made: Made) -> list[str]:
    change = {"MultiAZ": True, "ApplyImmediately": True}
    client("rds").modify_db_instance(DBInstanceIdentifier="db", **change)
    return ["rds/us-east-1/databases/db"]


def _topic(client: Client, made: Made) -> list[str]:
    topic = {"TopicArn": made["topic"], "AttributeName": "DisplayName", "AttributeValue": "new"}
    client("sns").set_topic_attributes(**topic)
    return [f"sns/us-east-1/topics/{made['topic']}"]


def _queue(client: Client, made: Made) -> list[str]:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName="queue")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "99"})
    return ["sqs/us-east-1/queues/queue"]


def _file_system(client: Client, made: Made) -> list[str]:
    rules = [{"TransitionToIA": "AFTER_30_DAYS"}]
    client("efs").put_lifecycle_configuration(FileSystemId=made["fs"], LifecyclePolicies=rules)
    return [f"efs/us-east-1/file_systems_by_id/{made['fs']}"]


def _parameter(client: Client, made: Made) -> list[str]:
    client("ssm").put_parameter(Name="/a/b", Value="two", Type="String", Overwrite=True)
    return ["ssm/us-east-1/parameters//a/b//a/b"]


def _secret(client: Client, made: Made) -> list[str]:
    client("secretsmanager").update_secret(SecretId="secret", SecretString="two")
    return ["secretsmanager/us-east-1/secrets/secret"]


def _table(client: Client, made: Made) -> list[str]:
    client("dynamodb").put_item(TableName="table", Item={"pk": {"S": "a"}})
    return ["dynamodb/us-east-1/tables/table"]


_CHANGES = [
    _tag_the_group,
    _open_the_group,
    _close_a_default_group,
    _encrypt_volumes,
    _require_tokens,
    _delete_a_default_network_acl_entry,
    _delete_a_default_subnet,
    _new_bucket,
    _bucket_policy,
    _bucket_tags,
    _object,
    _attach_a_policy,
    _join_a_group,
    _new_access_key,
    _password_policy,
    _rotate_the_key,
    _name_the_key,
    _keep_logs,
    _modify_the_database,
    _topic,
    _queue,
    _file_system,
    _parameter,
    _secret,
    _table,
]


@pytest.mark.parametrize("change", _CHANGES, ids=[change.__name__.strip("_") for change in _CHANGES])
def test_a_change_shows_under_the_key_of_what_it_changed(
    local: Local, furnished: tuple[str, Made], change: Callable[[Client, Made], list[str]]
) -> None:
    account, made = furnished

    def client(service: str, region: str = "us-east-1") -> Any:
        return local.client(service, account, region)

    before = inventory(local, account)
    expected = change(client, made)
    assert differing(before, inventory(local, account)) == expected


def test_other_accounts_are_not_told(local: Local, account: str) -> None:
    before = inventory(local, account)
    local.client("s3", local.account()).create_bucket(Bucket=f"elsewhere-{account}")
    assert inventory(local, account) == before
