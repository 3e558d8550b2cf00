"""IAM in general: what moto does otherwise.

Users and groups, certificates, service-linked roles and the credential report have modules of their own.

- AWS's managed policies are there all (33 MB per account) or not at all: the few that controls name are.
- A role of CloudFormation forgets its ManagedPolicyArns, and GetRolePolicy tells its own policies as no JSON.
- A password policy tells ages of 0 that AWS does not tell at all.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from moto.iam import models
from moto.iam.exceptions import ValidationError
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy, Role
from moto.iam.responses import IamResponse

_MANAGED = (
    "AWSCloudShellFullAccess",
    "AWSSupportAccess",
    "AdministratorAccess",
    "IAMUserChangePassword",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecurityAudit",
)


@lru_cache(maxsize=1)
def _managed() -> dict[str, Any]:
    everything = json.loads(models.aws_managed_policies_data)
    return {name: everything[name] for name in _MANAGED}


def _load_few_managed_policies() -> None:
    def load(self: IAMBackend) -> list[ManagedPolicy]:
        return [
            AWSManagedPolicy.from_data(name, self.account_id, self.region_name, data)
            for name, data in _managed().items()
        ]

    IAMBackend._init_aws_policies = load


def _attach_policies_of_stacks() -> None:
    create = Role.create_from_cloudformation_json.__func__

    def create_from_cloudformation_json(
        cls: type[Role], name: str, resource: dict[str, Any], account_id: str, region_name: str, **rest: Any
    ) -> Role:
        role = create(cls, name, resource, account_id, region_name, **rest)
        for arn in resource["Properties"].get("ManagedPolicyArns", []):
            models.iam_backends[account_id]["aws"].attach_role_policy(arn, role.name)
        for policy, document in role.policies.items():
            role.policies[policy] = document if isinstance(document, str) else json.dumps(document)
        return role

    Role.create_from_cloudformation_json = classmethod(create_from_cloudformation_json)


def _leave_out_unset_ages() -> None:
    update = IamResponse.update_account_password_policy

    def update_account_password_policy(self: IamResponse) -> Any:
        for name in ("MaxPasswordAge", "PasswordReusePrevention"):
            if self._get_int_param(name) == 0:
                raise ValidationError(f"Value '0' at '{name}' failed to satisfy constraint: at least 1")
        answer = update(self)
        policy = self.backend.account_password_policy
        policy.max_password_age = policy.max_password_age or None
        return answer

    IamResponse.update_account_password_policy = update_account_password_policy


def apply() -> None:
    """Mend it."""
    _load_few_managed_policies()
    _attach_policies_of_stacks()
    _leave_out_unset_ages()
