"""The organization and its accounts: created with chosen ids, given their roles, suspended on demand.

The role by which the organization enters an account may do everything, which moto does not let it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from typing import Any
from unittest import mock

from moto.cloudformation.models import cloudformation_backends
from moto.iam.models import iam_backends
from moto.organizations import utils
from moto.organizations.models import FakeAccount, OrganizationsBackend, organizations_backends
from moto.securityhub.models import securityhub_backends

from localaws.world import ACCESS_ROLE, ADMIN, MANAGEMENT, ORGANIZATION, REGION, ROOT

_lock = threading.Lock()
_EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


def _backend() -> OrganizationsBackend:
    return organizations_backends[MANAGEMENT]["aws"]


def found() -> None:
    """Create the organization, with the admin as Security Hub's delegated administrator. Once."""
    with _lock:
        if _backend().org is not None:
            return
        _page_like_aws()
        with (
            mock.patch.object(utils, "make_random_org_id", lambda: ORGANIZATION),
            mock.patch.object(utils, "make_random_root_id", lambda: ROOT),
        ):
            _backend().create_organization(REGION, FeatureSet="ALL")
        _join(ADMIN)
        _backend().register_delegated_administrator(
            AccountId=ADMIN, ServicePrincipal="securityhub.amazonaws.com"
        )
        securityhub_backends[MANAGEMENT][REGION].enable_organization_admin_account(ADMIN)
        securityhub_backends[ADMIN][REGION].enable_security_hub()


def _page_like_aws() -> None:
    """AWS gives at most 20 accounts at once, moto 100."""
    utils.PAGINATION_MODEL["list_accounts"]["limit_default"] = 20


def _join(account: str) -> None:
    with mock.patch.object(utils, "make_random_account_id", lambda: account):
        _backend().create_account(AccountName=f"account-{account}", Email=f"aws+{account}@example.com")
    iam_backends[account]["aws"].put_role_policy(ACCESS_ROLE, "AdministratorAccess", _EVERYTHING)


def _member(account: str) -> FakeAccount | None:
    return next((a for a in _backend().accounts if a.id == account), None)


def organization_of(account: str) -> str | None:
    """aws:PrincipalOrgID of an account."""
    return ORGANIZATION if _member(account) else None


def is_suspended(account: str) -> bool:
    """Whether the account is closed to everybody."""
    member = _member(account)
    return member is not None and member.state != "ACTIVE"


def _unit(path: str) -> str:
    """The id of the organizational unit at a path of names below the root, made as needed."""
    parent, walked = ROOT, ""
    for name in filter(None, path.split("/")):
        walked += f"/{name}"
        unit = next((u for u in _backend().ou if (u.parent_id, u.name) == (parent, name)), None)
        if unit is None:
            chosen = f"ou-{ROOT.partition('-')[2]}-{hashlib.sha256(walked.encode()).hexdigest()[:8]}"
            with mock.patch.object(utils, "make_random_ou_id", lambda _, chosen=chosen: chosen):
                _backend().create_organizational_unit(ParentId=parent, Name=name)
            parent = chosen
        else:
            parent = unit.id
    return parent


def put_account(
    account: str,
    state: str = "ACTIVE",
    stacks: Iterable[dict[str, Any]] = (),
    ou: str | None = None,
    name: str | None = None,
) -> dict[str, str]:
    """Make `account` a member in `state`; `stacks` (name, template, parameters, region) are created once.

    It is moved to the organizational unit at the path `ou`, and called `name`; without them both stay.
    """
    with _lock:
        if _member(account) is None:
            _join(account)
        member = _member(account)
        assert member is not None
        member.state = state
        member.status = state if state in ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE") else "SUSPENDED"
        if ou is not None:
            member.parent_id = _unit(ou)
        if name is not None:
            member.name = name
        for stack in stacks:
            _create_once(account, stack)
        return {"account": account, "state": state, "name": member.name, "parent_id": member.parent_id}


def _create_once(account: str, stack: dict[str, Any]) -> None:
    backend = cloudformation_backends[account][stack["region"]]
    if stack["name"] in {s.name for s in backend.stacks.values()}:
        return
    created = backend.create_stack(stack["name"], stack["template"], stack["parameters"])
    if created.status != "CREATE_COMPLETE":
        where = f"{stack['name']} of {account} in {stack['region']}"
        raise ValueError(f"{where} is {created.status}: {created.status_reason}")
