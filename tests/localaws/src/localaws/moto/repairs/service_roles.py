"""Service-linked roles: what moto does otherwise.

- Their names have the service in small letters, or in two parts.
- One that is there already is refused with another code.
- Everybody may change or delete them; on AWS only the service may.
"""

from __future__ import annotations

from typing import Any

from moto.iam import models
from moto.iam.exceptions import IAMException, InvalidInput
from moto.iam.models import IAMBackend, Role

from localaws import service_roles

_PROTECTED = (
    "attach_role_policy",
    "delete_role",
    "delete_role_policy",
    "detach_role_policy",
    "put_role_permissions_boundary",
    "put_role_policy",
    "update_assume_role_policy",
)


class UnmodifiableEntity(IAMException):
    """The refusal of a change of what only AWS changes."""

    code = "UnmodifiableEntity"


def _create_like_aws() -> None:
    create = IAMBackend.create_service_linked_role

    def create_service_linked_role(
        self: IAMBackend, service_name: str, description: str, suffix: str
    ) -> Role:
        if not service_name.endswith(".amazonaws.com"):
            raise InvalidInput("Invalid service principal")
        name = service_roles.path_of(service_name, suffix).rpartition("/")[2]
        if name in {role.name for role in self.roles.values()}:
            raise InvalidInput(
                f"Service role name {name} has been taken in this account, please try a different suffix."
            )
        role = create(self, service_name, description, suffix)
        role.name = name
        return role

    IAMBackend.create_service_linked_role = create_service_linked_role


def _protect(name: str) -> None:
    change = getattr(IAMBackend, name)

    def guarded(self: IAMBackend, *given: Any, **named: Any) -> Any:
        texts = {text for text in [*given, *named.values()] if isinstance(text, str)}
        linked = next((r for r in self.roles.values() if r.name in texts and r._linked_service), None)
        if linked is not None:
            raise UnmodifiableEntity(
                f"Cannot perform the operation on the protected role '{linked.name}' - "
                "this role is only modifiable by AWS"
            )
        return change(self, *given, **named)

    setattr(IAMBackend, name, guarded)


def _delete_by_the_service() -> None:
    def delete_service_linked_role(self: IAMBackend, role_name: str) -> str:
        role = self.get_role(role_name)
        del self.roles[role.id]
        return f"task{role.path}{role.name}/{role.id}"

    IAMBackend.delete_service_linked_role = delete_service_linked_role


def apply() -> None:
    """Mend it."""
    models.SERVICE_NAME_CONVERSION.update(service_roles.NAMES)
    _create_like_aws()
    _delete_by_the_service()
    for name in _PROTECTED:
        _protect(name)
