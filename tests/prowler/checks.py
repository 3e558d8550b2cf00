"""Which of Prowler's checks speak about which Security Hub control.

Left out with a reason: `ec2_securitygroup_allow_ingress_from_internet_to_all_ports`, since once it fails for
a group the checks of single ports pass that group; `ec2_launch_template_imdsv2_required` and
`ec2_instance_account_imdsv2_enabled`, since EC2.8 is about instances.
"""

from __future__ import annotations

# Prowler does not tell IPv4 from IPv6: a group open over either fails both EC2.53 and EC2.54.
_ADMIN_PORTS = (
    "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
    "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389",
)

CHECKS: dict[str, tuple[str, ...]] = {
    "CloudTrail.4": ("cloudtrail_log_file_validation_enabled",),
    "EC2.7": ("ec2_ebs_default_encryption",),
    "EC2.8": ("ec2_instance_imdsv2_enabled",),
    "EC2.53": _ADMIN_PORTS,
    "EC2.54": _ADMIN_PORTS,
    # Silent, rather than passing, when the root user has neither a key nor a known password.
    "IAM.4": ("iam_no_root_access_key",),
    "IAM.15": ("iam_password_policy_minimum_length_14",),
    "IAM.16": ("iam_password_policy_reuse_24",),
    "IAM.27": ("iam_policy_cloudshell_admin_not_attached",),
    "KMS.4": ("kms_cmk_rotation_enabled",),
    "RDS.13": ("rds_instance_minor_version_upgrade_enabled", "rds_cluster_minor_version_upgrade_enabled"),
    # Both ask only for IgnorePublicAcls and RestrictPublicBuckets; S3.8 passes when the account has them.
    "S3.1": ("s3_account_level_public_access_blocks",),
    "S3.5": ("s3_bucket_secure_transport_policy",),
    "S3.8": ("s3_bucket_level_public_access_block",),
}
