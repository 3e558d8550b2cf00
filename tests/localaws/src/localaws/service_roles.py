"""The names of service-linked roles, which both the permission to create them and their creation need."""

from __future__ import annotations

NAMES = {
    "access-analyzer": "AccessAnalyzer",
    "agentless.inspector2": "AmazonInspector2Agentless",
    "auditmanager": "AuditManager",
    "autoscaling": "AutoScaling",
    "cloudtrail": "CloudTrail",
    "config": "Config",
    "config-conforms": "ConfigConforms",
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
"""What follows `AWSServiceRoleFor`, by what comes before `.amazonaws.com` in the service's principal."""

MADE_BY = {
    ("access-analyzer", "CreateAnalyzer"): ("access-analyzer.amazonaws.com",),
    ("auditmanager", "RegisterAccount"): ("auditmanager.amazonaws.com",),
    ("config", "PutConformancePack"): ("config-conforms.amazonaws.com",),
    ("guardduty", "CreateDetector"): ("guardduty.amazonaws.com",),
    ("inspector2", "Enable"): ("inspector2.amazonaws.com", "agentless.inspector2.amazonaws.com"),
    ("macie2", "EnableMacie"): ("macie.amazonaws.com",),
    ("securityhub", "EnableSecurityHub"): ("securityhub.amazonaws.com",),
}
"""The principals whose roles a call makes where they are missing, on behalf of the caller."""


def path_of(principal: str, suffix: str | None = None) -> str:
    """The path and name of the role of a service principal such as `config.amazonaws.com`."""
    service = principal.removesuffix(".amazonaws.com")
    name = f"AWSServiceRoleFor{NAMES.get(service, service.partition('.')[0])}"
    return f"/aws-service-role/{principal}/{name}" + (f"_{suffix}" if suffix else "")
