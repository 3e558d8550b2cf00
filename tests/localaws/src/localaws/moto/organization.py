"""The organization and its accounts: created with chosen ids, given their roles, suspended on demand.

The role by which the organization enters an account may do everything, which moto does not let it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

from moto.cloudformation.models import cloudformation_backends
from moto.iam.models import iam_backends
from moto.organizations import utils
from moto.organizations.models import FakeAccount, OrganizationsBackend, organizations_backends

from localaws.moto.inventory import tell_too
from localaws.world import ACCESS_ROLE, ADMIN, MANAGEMENT, ORGANIZATION, REGION, ROOT

_lock = threading.Lock()
_EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


def _backend() -> OrganizationsBackend:
    return organizations_backends[MANAGEMENT]["aws"]


Watcher = Callable[[str, str], None]
_watchers: list[Watcher] = []
_delegations: list[Watcher] = []


def watch(watcher: Watcher) -> Watcher:
    """Call `watcher` with an account and "joined", "moved" or "left", when it does."""
    _watchers.append(watcher)
    return watcher


def watch_delegation(watcher: Watcher) -> Watcher:
    """Call `watcher` with an account and the service that it no longer administers."""
    _delegations.append(watcher)
    return watcher


def tell(account: str, what: str) -> None:
    """Tell those who watch."""
    for watcher in _watchers:
        watcher(account, what)


def tell_undelegated(account: str, service: str) -> None:
    """Tell those who watch the delegated administrators."""
    for watcher in _delegations:
        watcher(account, service)


def found() -> bool:
    """Create the organization; whether that is done now. Once."""
    with _lock:
        if _backend().org is not None:
            return False
        with (
            mock.patch.object(utils, "make_random_org_id", lambda: ORGANIZATION),
            mock.patch.object(utils, "make_random_root_id", lambda: ROOT),
        ):
            _backend().create_organization(REGION, FeatureSet="ALL")
        _join(ADMIN)
        return True


def _join(account: str) -> None:
    with mock.patch.object(utils, "make_random_account_id", lambda: account):
        _backend().create_account(AccountName=f"account-{account}", Email=f"aws+{account}@example.com")
    _let_in(account)


def _let_in(account: str) -> None:
    iam_backends[account]["aws"].put_role_policy(ACCESS_ROLE, "AdministratorAccess", _EVERYTHING)


def admit(account: str) -> None:
    """Do for an account that moto has created what else there is to do."""
    _let_in(account)
    tell(account, "joined")


def invite(account: str) -> None:
    """Let an account in which has accepted an invitation."""
    with _lock:
        _join(account)
        member = _member(account)
        assert member is not None
        member.joined_method = "INVITED"
    tell(account, "joined")


def leave(account: str) -> None:
    """Take a member out, as it wishes."""
    _backend().remove_account_from_organization(AccountId=account)


def creation(request: str) -> dict[str, Any]:
    """What became of a request to create an account."""
    made = next(a for a in _backend().accounts if a.create_account_status_id == request)
    return made.create_account_status["CreateAccountStatus"]


def creation_of(account: str) -> dict[str, Any]:
    """How an account was created."""
    member = _member(account)
    assert member is not None
    return member.create_account_status["CreateAccountStatus"]


def active_accounts() -> list[str]:
    """All accounts that are open."""
    return [account.id for account in _backend().accounts if account.state == "ACTIVE"]


def _member(account: str) -> FakeAccount | None:
    return next((a for a in _backend().accounts if a.id == account), None)


def organization_of(account: str) -> str | None:
    """aws:PrincipalOrgID of an account."""
    return ORGANIZATION if _member(account) else None


def is_suspended(account: str) -> bool:
    """Whether the account is closed to everybody."""
    member = _member(account)
    return member is not None and member.state != "ACTIVE"


def state_of(account: str) -> str | None:
    """The state of an account, None for a stranger."""
    member = _member(account)
    return member.state if member else None


def email_of(account: str) -> str:
    """The mail address of an account of the organization."""
    member = _member(account)
    return member.email if member else ""


def above(account: str) -> Iterator[str]:
    """The account, and the units that it is in, up to the root."""
    units = {unit.id: unit.parent_id for unit in _backend().ou}
    member = _member(account)
    yield account
    place = member.parent_id if member else None
    while place:
        yield place
        place = units.get(place)


def trust(service: str) -> None:
    """Give a service trusted access."""
    _backend().enable_aws_service_access(ServicePrincipal=service)


def delegate(account: str, service: str) -> None:
    """Make an account the delegated administrator of a service, if it is not."""
    admins = {admin.account.id: admin for admin in _backend().admins}
    if account not in admins or service not in admins[account].services:
        _backend().register_delegated_administrator(AccountId=account, ServicePrincipal=service)


def undelegate(account: str, service: str) -> None:
    """Take the administration of a service away from an account, if it has it."""
    admins = {admin.account.id: admin for admin in _backend().admins}
    if account in admins and service in admins[account].services:
        _backend().deregister_delegated_administrator(AccountId=account, ServicePrincipal=service)


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


_unreached: set[str] = set()


def is_reached(account: str) -> bool:
    """Whether StackSets reach the account."""
    return account not in _unreached


def put_account(
    account: str,
    state: str = "ACTIVE",
    stacks: Iterable[dict[str, Any]] = (),
    ou: str | None = None,
    name: str | None = None,
    role: bool = True,
) -> dict[str, str]:
    """Make `account` a member in `state`; `stacks` (name, template, parameters, region) are created once.

    It is moved to the organizational unit at the path `ou`, and called `name`; without them both stay.
    Without a role StackSets do not reach it either.
    """
    with _lock:
        (_unreached.discard if role else _unreached.add)(account)
        is_new = _member(account) is None
        if is_new:
            _join(account)
        member = _member(account)
        assert member is not None
        before = member.parent_id
        member.state = state
        member.status = state if state in ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE") else "SUSPENDED"
        if ou is not None:
            member.parent_id = _unit(ou)
        if name is not None:
            member.name = name
        for stack in stacks:
            _create_once(account, stack)
    if is_new and state == "ACTIVE":
        tell(account, "joined")
    elif member.parent_id != before:
        tell(account, "moved")
    return {"account": account, "state": state, "name": member.name, "parent_id": member.parent_id}


def _create_once(account: str, stack: dict[str, Any]) -> None:
    backend = cloudformation_backends[account][stack["region"]]
    if stack["name"] in {s.name for s in backend.stacks.values()}:
        return
    created = backend.create_stack(stack["name"], stack["template"], stack["parameters"])
    if created.status != "CREATE_COMPLETE":
        where = f"{stack['name']} of {account} in {stack['region']}"
        raise ValueError(f"{where} is {created.status}: {created.status_reason}")


@tell_too
def _state(account: str) -> Iterator[tuple[str, Any]]:
    """For the management account's inventory: accounts, units, trusted access, who administers what."""
    if account != MANAGEMENT:
        return
    place, backend = "organizations/global", _backend()
    for one in backend.accounts:
        yield (
            f"{place}/accounts/{one.id}",
            {"name": one.name, "parent": one.parent_id, "state": one.state},
        )
    for unit in backend.ou:
        yield f"{place}/units/{unit.id}", {"name": unit.name, "parent": unit.parent_id}
    for service in backend.services:
        yield f"{place}/services/{service['ServicePrincipal']}", "enabled"
    for admin in backend.admins:
        for principal in admin.services:
            yield f"{place}/administrators/{principal}/{admin.account.id}", "enabled"
