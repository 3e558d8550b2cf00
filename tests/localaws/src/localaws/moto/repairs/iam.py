"""IAM: what moto does otherwise.

- All of AWS's managed policies cost 33 MB per account, none of them is too few: the few that controls name are there.
- A role of CloudFormation forgets its ManagedPolicyArns.
- The credential report lacks the root user.
- A password policy tells ages of 0 that AWS does not tell at all.
- A server certificate tells one fixed date of expiry.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from moto.iam import models
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy, Role

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
        return role

    Role.create_from_cloudformation_json = classmethod(create_from_cloudformation_json)


def apply() -> None:
    """Mend it."""
    _load_few_managed_policies()
    _attach_policies_of_stacks()
