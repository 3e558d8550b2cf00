"""Organizations: what moto does otherwise.

- Any account may read the organization; on AWS a member may describe it and no more. (The administrator's
  requests come in the management account's name.)
- Trusted access and delegated administrators are for fewer services than on AWS.
- A delegated administrator of Security Hub that Organizations deregisters stays one in Security Hub.
- ListParents of an unknown account says that there is no such account; on AWS that there is no such child.
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.organizations.exceptions import AccountNotFoundException
from moto.organizations.models import (
    FakeDelegatedAdministrator,
    FakeServiceAccess,
    OrganizationsBackend,
)

from localaws.moto import organization
from localaws.moto.wsgi import Answer, Environ, account_of, json_answer, scope_of
from localaws.world import MANAGEMENT

_REFUSED = {
    "__type": "AccessDeniedException",
    "Message": "You don't have permissions to access this resource.",
}

_DELEGABLE = (
    "access-analyzer",
    "account",
    "agentless.inspector2",
    "auditmanager",
    "backup",
    "cloudtrail",
    "compute-optimizer",
    "config",
    "config-multiaccountsetup",
    "cost-optimization-hub.bcm",
    "detective",
    "devops-guru",
    "fms",
    "guardduty",
    "health",
    "iam",
    "inspector2",
    "ipam",
    "license-manager",
    "license-manager-linux-subscriptions",
    "license-manager.member-account",
    "macie",
    "malware-protection.guardduty",
    "member.org.stacksets.cloudformation",
    "notifications",
    "observabilityadmin",
    "reachabilityanalyzer.networkinsights",
    "reporting.trustedadvisor",
    "resource-explorer-2",
    "securityhub",
    "securitylake",
    "servicecatalog",
    "ssm",
    "ssm-quicksetup",
    "sso",
    "storage-lens.s3",
    "workmail",
)
"""The services that a member may administer for the organization."""


def _know_all_services() -> None:
    principals = [f"{service}.amazonaws.com" for service in _DELEGABLE]
    FakeDelegatedAdministrator.SUPPORTED_SERVICES = principals
    FakeServiceAccess.TRUSTED_SERVICES = sorted({*FakeServiceAccess.TRUSTED_SERVICES, *principals})


def _tell_deregistered() -> None:
    deregister = OrganizationsBackend.deregister_delegated_administrator

    def deregister_delegated_administrator(self: OrganizationsBackend, **named: str) -> None:
        deregister(self, **named)
        organization.tell_undelegated(named["AccountId"], named["ServicePrincipal"])

    OrganizationsBackend.deregister_delegated_administrator = deregister_delegated_administrator


def _list_parents() -> None:
    listed = OrganizationsBackend.list_parents

    def list_parents(self: OrganizationsBackend, **named: Any) -> dict[str, Any]:
        try:
            return listed(self, **named)
        except (AccountNotFoundException, JsonRESTError):
            raise JsonRESTError(
                "ChildNotFoundException", "You specified a child that doesn't exist."
            ) from None

    OrganizationsBackend.list_parents = list_parents


def refuse(environ: Environ) -> Answer | None:
    """The refusal of a member that asks for more than what the organization is."""
    scope = scope_of(environ)
    if scope is None or scope[2] != "organizations":
        return None
    asks = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    account = account_of(environ)
    if (
        asks in ("DescribeOrganization", "LeaveOrganization")
        or account == MANAGEMENT
        or not organization.organization_of(account)
    ):
        return None
    return json_answer(_REFUSED, 400, [("x-amzn-errortype", "AccessDeniedException")])


def apply() -> None:
    """Mend it."""
    _know_all_services()
    _tell_deregistered()
    _list_parents()
