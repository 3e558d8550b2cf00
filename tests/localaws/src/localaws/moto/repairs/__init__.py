"""Repairs of moto, one module per service; each says what moto does otherwise than AWS."""

from __future__ import annotations

from localaws.moto.repairs import (
    account,
    autoscaling,
    cloudformation,
    cloudtrail,
    config,
    config_recorders,
    conformance_packs,
    credential_report,
    ec2,
    ec2_interfaces,
    ec2_network,
    ec2_prefix_lists,
    ec2_security_group_rules,
    ec2_security_group_search,
    ec2_security_groups,
    efs,
    front_ends,
    iam,
    iam_certificates,
    iam_entities,
    kms,
    logs,
    organizations,
    organizations_accounts,
    paging,
    rds,
    rds_instances,
    rds_snapshots,
    s3,
    service_roles,
    sts,
    tagging,
)
from localaws.moto.wsgi import Answer, Environ


def apply() -> None:
    """Mend moto; once, before it serves. Paging comes last: it wraps what the others put in place."""
    for module in (
        account,
        autoscaling,
        cloudformation,
        cloudtrail,
        config,
        config_recorders,
        conformance_packs,
        ec2,
        ec2_interfaces,
        ec2_network,
        ec2_prefix_lists,
        ec2_security_group_rules,
        ec2_security_group_search,
        ec2_security_groups,
        efs,
        front_ends,
        iam,
        iam_certificates,
        iam_entities,
        credential_report,
        service_roles,
        kms,
        logs,
        organizations,
        organizations_accounts,
        rds_instances,
        rds_snapshots,
        rds,
        s3,
        sts,
        tagging,
        paging,
    ):
        module.apply()


def refuse(environ: Environ) -> Answer | None:
    """A refusal that AWS gives and moto does not, or None."""
    return s3.refuse(environ) or organizations.refuse(environ) or account.refuse(environ)
