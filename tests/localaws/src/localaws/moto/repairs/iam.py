"""IAM: what moto does otherwise.

- AWS's managed policies are there all (33 MB per account) or not at all: the few that controls name are.
- A role of CloudFormation forgets its ManagedPolicyArns.
- The credential report lacks the root user.
- A password policy tells ages of 0 that AWS does not tell at all.
- A server certificate tells one fixed date of expiry.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cryptography import x509
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
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
_ROOT_CREATED = "2020-01-01T00:00:00+00:00"


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


def _tell_root_in_credential_reports() -> None:
    report_users = IAMBackend.get_credential_report

    def get_credential_report(self: IAMBackend) -> str:
        header, _, rest = report_users(self).partition("\n")
        summary, columns = self.account_summary, header.split(",")
        has_key = summary._account_access_keys_present > 0
        row = dict.fromkeys(columns, "N/A")
        row |= {
            "user": "<root_account>",
            "arn": f"arn:{self.partition}:iam::{self.account_id}:root",
            "user_creation_time": _ROOT_CREATED,
            "password_enabled": "not_supported",
            "password_last_used": "no_information",
            "password_last_changed": "not_supported",
            "password_next_rotation": "not_supported",
            "mfa_active": str(summary._account_mfa_enabled > 0).lower(),
            "access_key_1_active": str(has_key).lower(),
            "access_key_1_last_rotated": _ROOT_CREATED if has_key else "N/A",
            "access_key_2_active": "false",
            "cert_1_active": "false",
            "cert_2_active": "false",
        }
        return "\n".join([header, ",".join(row[column] for column in columns), rest])

    IAMBackend.get_credential_report = get_credential_report


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


def _expiry(certificate: Any) -> Any:
    try:
        return x509.load_pem_x509_certificate(certificate.cert_body.encode()).not_valid_after_utc
    except ValueError:
        return utcnow()


def _tell_when_certificates_expire() -> None:
    listed = IamResponse.list_server_certificates

    def list_server_certificates(self: IamResponse) -> ActionResult:
        result: Any = listed(self).result
        for metadata in result["ServerCertificateMetadataList"]:
            metadata["Expiration"] = _expiry(self.backend.certificates[metadata["ServerCertificateName"]])
        return ActionResult(result)

    IamResponse.list_server_certificates = list_server_certificates


def apply() -> None:
    """Mend it."""
    _load_few_managed_policies()
    _attach_policies_of_stacks()
    _tell_root_in_credential_reports()
    _leave_out_unset_ages()
    _tell_when_certificates_expire()
