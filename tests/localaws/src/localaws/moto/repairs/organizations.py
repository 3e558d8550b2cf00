"""Organizations: what moto does otherwise.

- Any account may read the organization; on AWS a member may describe it and no more. (The administrator's
  requests come in the management account's name.)
- ListParents of an unknown account says that there is no such account; on AWS that there is no such child.
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.organizations.exceptions import AccountNotFoundException
from moto.organizations.models import OrganizationsBackend

from localaws.moto import organization
from localaws.moto.wsgi import Answer, Environ, account_of, json_answer, scope_of
from localaws.world import MANAGEMENT

_REFUSED = {
    "__type": "AccessDeniedException",
    "Message": "You don't have permissions to access this resource.",
}


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
    if asks == "DescribeOrganization" or account == MANAGEMENT or not organization.organization_of(account):
        return None
    return json_answer(_REFUSED, 400, [("x-amzn-errortype", "AccessDeniedException")])


def apply() -> None:
    """Mend it."""
    _list_parents()
