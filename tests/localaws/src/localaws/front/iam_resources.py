"""The resource of an IAM call, by the Service Authorization Reference.

What is made lies where its `Path` says; the path of what is there, and the user of an access key, only moto's
side knows (`principals.real_arn`). Lists are allowed on the path which they list.
"""

from __future__ import annotations

from localaws import service_roles
from localaws.front.operations import Operation

_BY_PARAMETER = (
    ("UserName", "user"),
    ("GroupName", "group"),
    ("RoleName", "role"),
    ("ServerCertificateName", "server-certificate"),
    ("InstanceProfileName", "instance-profile"),
    ("AccessKeyId", "access-key"),
)
_BY_ACTION = {
    # The members and the roles are named too, but it is these that change.
    "AddRoleToInstanceProfile": ("InstanceProfileName", "instance-profile"),
    "AddUserToGroup": ("GroupName", "group"),
    "RemoveRoleFromInstanceProfile": ("InstanceProfileName", "instance-profile"),
    "RemoveUserFromGroup": ("GroupName", "group"),
}
_MADE = {
    "CreateGroup": ("GroupName", "group"),
    "CreateInstanceProfile": ("InstanceProfileName", "instance-profile"),
    "CreatePolicy": ("PolicyName", "policy"),
    "CreateRole": ("RoleName", "role"),
    "CreateUser": ("UserName", "user"),
    "CreateVirtualMFADevice": ("VirtualMFADeviceName", "mfa"),
    "UploadServerCertificate": ("ServerCertificateName", "server-certificate"),
}
_LISTED = {
    "ListGroups": "group",
    "ListInstanceProfiles": "instance-profile",
    "ListRoles": "role",
    "ListServerCertificates": "server-certificate",
    "ListUsers": "user",
    "ListVirtualMFADevices": "mfa",
}
_GIVEN_WHOLE = ("PolicyArn", "SerialNumber", "SAMLProviderArn", "OpenIDConnectProviderArn")


def iam_resource(operation: Operation, account: str) -> str | None:
    """The ARN, with the path as far as the request tells it; None when it tells no resource."""
    name = operation.name
    of_account = f"arn:aws:iam::{account}:"
    if name == "CreateServiceLinkedRole":
        principal = operation.text("AWSServiceName") or ""
        return f"{of_account}role{service_roles.path_of(principal, operation.text('CustomSuffix'))}"
    if name in _MADE:
        key, kind = _MADE[name]
        return f"{of_account}{kind}{operation.text('Path') or '/'}{operation.text(key) or ''}"
    if name in _LISTED:
        return f"{of_account}{_LISTED[name]}{operation.text('PathPrefix') or '/'}"
    if name == "ListPolicies":
        return "*"
    for key, kind in [_BY_ACTION[name]] if name in _BY_ACTION else _BY_PARAMETER:
        if value := operation.text(key):
            return f"{of_account}{kind}/{value}"
    return next(filter(None, map(operation.text, _GIVEN_WHOLE)), None)
