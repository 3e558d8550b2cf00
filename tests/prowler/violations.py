"""An account that violates `checks.py` and three more controls, and what mends it, with nothing but boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

CLOUD_SHELL = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"
BUCKET = "prowler-open"
USER = "shell-user"
ALL_BLOCKED = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)


class Violations:
    """One resource for each control; `client` gives boto3's client of a service."""

    def __init__(self, client: Callable[[str], Any], account: str) -> None:
        self.client = client
        self.account = account
        self.bucket = f"{BUCKET}-{account}"

    def make(self) -> None:
        """Violate everything but IAM.4, which the root user's door of the local AWS does."""
        self._make_in_iam()
        self._make_in_ec2()
        s3, rds = self.client("s3"), self.client("rds")
        for name in (self.bucket, self._logs):
            s3.create_bucket(Bucket=name)
        s3.put_bucket_policy(Bucket=self.bucket, Policy=self._policy(tls_only=False))
        s3.put_bucket_policy(Bucket=self._logs, Policy=self._policy(tls_only=False, bucket=self._logs))
        self.key = self.client("kms").create_key()["KeyMetadata"]["KeyId"]
        common = {
            "Engine": "postgres",
            "MasterUsername": "postgres",
            "MasterUserPassword": "not-a-secret",
            "AllocatedStorage": 100,
            "AutoMinorVersionUpgrade": False,
        }
        rds.create_db_instance(
            DBInstanceIdentifier="database",
            DBInstanceClass="db.t3.medium",
            DBSubnetGroupName=self._make_public_subnets(),
            VpcSecurityGroupIds=[self.groups["all"]],
            PubliclyAccessible=True,
            **common,
        )
        rds.create_db_cluster(
            DBClusterIdentifier="cluster",
            DBClusterInstanceClass="db.m5d.large",
            Iops=1000,
            StorageType="io1",
            **common,
        )
        self.client("cloudtrail").create_trail(Name="trail", S3BucketName=self._logs)

    def mend(self) -> None:
        """Bring all into order but IAM.4, in which only a person can."""
        self._mend_in_iam()
        self._mend_in_ec2()
        s3, rds = self.client("s3"), self.client("rds")
        for name in (self.bucket, self._logs):
            s3.put_bucket_policy(Bucket=name, Policy=self._policy(tls_only=True, bucket=name))
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=ALL_BLOCKED)
        self.client("s3control").put_public_access_block(
            AccountId=self.account, PublicAccessBlockConfiguration=ALL_BLOCKED
        )
        self.client("kms").enable_key_rotation(KeyId=self.key)
        wanted = {"AutoMinorVersionUpgrade": True, "ApplyImmediately": True}
        rds.modify_db_instance(DBInstanceIdentifier="database", PubliclyAccessible=False, **wanted)
        rds.modify_db_cluster(DBClusterIdentifier="cluster", **wanted)
        self.client("cloudtrail").update_trail(Name="trail", EnableLogFileValidation=True)
        target = {"TargetBucket": self.bucket, "TargetPrefix": "access/"}
        s3.put_bucket_logging(Bucket=self._logs, BucketLoggingStatus={"LoggingEnabled": target})
        self.client("account").put_alternate_contact(
            AlternateContactType="SECURITY",
            Name="Security team",
            Title="SOC",
            EmailAddress="security@redress.dev",
            PhoneNumber="+1 206 555 0199",
        )

    @property
    def _logs(self) -> str:
        return f"{self.bucket}-logs"

    def _policy(self, tls_only: bool, bucket: str = "") -> str:
        arn = f"arn:aws:s3:::{bucket or self.bucket}"
        principal = {"AWS": f"arn:aws:iam::{self.account}:root"}
        read = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": f"{arn}/*"}
        access_logs = {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{arn}/access/*",
        }
        service = {"Service": "cloudtrail.amazonaws.com"}
        trail = {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": arn}
        logs = {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": f"{arn}/*"}
        deny = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [read, access_logs, trail, logs, *([deny] if tls_only else [])],
            }
        )

    def _make_in_iam(self) -> None:
        iam = self.client("iam")
        iam.update_account_password_policy(MinimumPasswordLength=8, PasswordReusePrevention=3)
        iam.create_user(UserName=USER)
        iam.attach_user_policy(UserName=USER, PolicyArn=CLOUD_SHELL)

    def _mend_in_iam(self) -> None:
        iam = self.client("iam")
        iam.update_account_password_policy(MinimumPasswordLength=14, PasswordReusePrevention=24)
        iam.detach_user_policy(UserName=USER, PolicyArn=CLOUD_SHELL)

    def _make_in_ec2(self) -> None:
        ec2 = self.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        open_to = {
            "ssh": [{"FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            "rdp6": [{"FromPort": 3380, "ToPort": 3390, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}],
            "all": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        }
        self.groups = {}
        for name, permissions in open_to.items():
            group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
            tcp = [{"IpProtocol": "tcp", **permission} for permission in permissions]
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp)
            self.groups[name] = group
        ec2.disable_ebs_encryption_by_default()
        run = ec2.run_instances(
            ImageId="ami-0123456789abcdef0",
            MinCount=1,
            MaxCount=1,
            MetadataOptions={"HttpTokens": "optional", "HttpEndpoint": "enabled"},
        )
        self.instance = run["Instances"][0]["InstanceId"]

    def _make_public_subnets(self) -> str:
        """A group of the default VPC's subnets, with a way to the internet, which they have on AWS."""
        ec2 = self.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        of_vpc = {"Name": "vpc-id", "Values": [vpc]}
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = ec2.describe_route_tables(Filters=[of_vpc])["RouteTables"][0]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=[of_vpc])["Subnets"]]
        self.client("rds").create_db_subnet_group(
            DBSubnetGroupName="public", DBSubnetGroupDescription="public", SubnetIds=subnets
        )
        return "public"

    def _mend_in_ec2(self) -> None:
        ec2 = self.client("ec2")
        for group in self.groups.values():
            found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
            ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=found)
        ec2.enable_ebs_encryption_by_default()
        ec2.modify_instance_metadata_options(InstanceId=self.instance, HttpTokens="required")
