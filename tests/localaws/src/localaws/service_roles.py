"""The names of service-linked roles, which both the permission to create them and their creation need."""

from __future__ import annotations

NAMES = {
    "access-analyzer": "AccessAnalyzer",
    "autoscaling": "AutoScaling",
    "cloudtrail": "CloudTrail",
    "config": "Config",
    "elasticfilesystem": "AmazonElasticFileSystem",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "guardduty": "AmazonGuardDuty",
    "inspector2": "AmazonInspector2",
    "macie": "AmazonMacie",
    "organizations": "Organizations",
    "rds": "RDS",
    "securityhub": "SecurityHub",
    "support": "Support",
}
"""What follows `AWSServiceRoleFor`, by the first part of the service's principal."""


def path_of(principal: str, suffix: str | None = None) -> str:
    """The path and name of the role of a service principal such as `config.amazonaws.com`."""
    service = principal.partition(".")[0]
    name = f"AWSServiceRoleFor{NAMES.get(service, service)}"
    return f"/aws-service-role/{principal}/{name}" + (f"_{suffix}" if suffix else "")
