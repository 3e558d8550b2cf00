"""EFS: what moto does otherwise.

- The error for a creation token in use does not tell the file system; no error has EFS's members.
- Keys are not looked at, and told as they were given; an encrypted file system without one has none.
- PutBackupPolicy, DeleteFileSystemPolicy and UpdateFileSystem are not there. A file system that is not
  there fails without an error's code for some operations. Policies are taken unread.
- File systems are not found by their ARNs. An empty one has no size; on AWS it has 6 KiB. A size can be
  staged.
- A mount target without security groups has none; on AWS it is in the default one.
- The tags of a deleted file system stay.
"""

from __future__ import annotations

import json
from typing import Any

from moto.efs.exceptions import BadRequest, EFSError, FileSystemAlreadyExists, FileSystemNotFound
from moto.efs.models import EFSBackend, FileSystem, MountTarget, efs_backends
from moto.efs.responses import TYPE_RESPONSE, EFSResponse

from localaws.moto.keys import key_named

_EMPTY = 6144
_JSON: dict[str, str | int] = {"Content-Type": "application/json"}


def put_size(account: str, region: str, file_system: str, size: int) -> None:
    """Set how much is in a file system."""
    efs_backends[account][region].file_systems_by_id[file_system]._size_value = size


def _tell_errors() -> None:
    make = EFSError.__init__

    def init(self: EFSError, code: str, message: str, **members: str) -> None:
        make(self, code, message)
        told = {"__type": code, "ErrorCode": code, "Message": message, "message": message, **members}
        self.description = json.dumps(told)

    EFSError.__init__ = init


def _file_system(backend: EFSBackend, name: str) -> FileSystem:
    found = backend.file_systems_by_id.get(name.rpartition("/")[2])
    if found is None:
        raise FileSystemNotFound(name)
    return found


def _check_throughput(mode: str | None, provisioned: float | None) -> None:
    if (mode == "provisioned") != bool(provisioned):
        raise BadRequest(
            "ProvisionedThroughputInMibps goes with the throughput mode provisioned, and only with it."
        )


def _create() -> None:
    create, delete = EFSBackend.create_file_system, EFSBackend.delete_file_system

    def create_file_system(self: EFSBackend, creation_token: str, **given: Any) -> FileSystem:
        for known in self.file_systems_by_id.values():
            if known.creation_token == creation_token:
                refused = FileSystemAlreadyExists(creation_token)
                members = json.loads(refused.description) | {"FileSystemId": known.file_system_id}
                refused.description = json.dumps(members)
                raise refused
        _check_throughput(given.get("throughput_mode"), given.get("provisioned_throughput_in_mibps"))
        if given.get("encrypted"):
            name = given.get("kms_key_id") or "alias/aws/elasticfilesystem"
            key = key_named(name, self.account_id, self.region_name)
            if key is None or key.key_state != "Enabled":
                raise BadRequest(f"The KMS key {name} cannot be used.")
            given["kms_key_id"] = key.arn
        made = create(self, creation_token, **given)
        made._size_value = _EMPTY
        return made

    def delete_file_system(self: EFSBackend, file_system_id: str) -> None:
        delete(self, file_system_id)
        self.tagging_service.delete_all_tags_for_resource(file_system_id)

    EFSBackend.create_file_system = create_file_system
    EFSBackend.delete_file_system = delete_file_system


def update_file_system(self: EFSResponse) -> TYPE_RESPONSE:
    found = _file_system(self.efs_backend, self._get_param("FileSystemId"))
    mode = self._get_param("ThroughputMode") or found.throughput_mode
    provisioned = self._get_param("ProvisionedThroughputInMibps")
    _check_throughput(mode, provisioned)
    found.throughput_mode, found.provisioned_throughput_in_mibps = mode, provisioned
    return json.dumps(found.info_json()), {**_JSON, "status": 202}


def put_backup_policy(self: EFSResponse) -> TYPE_RESPONSE:
    found = _file_system(self.efs_backend, self._get_param("FileSystemId"))
    policy = self._get_param("BackupPolicy")
    if policy.get("Status") not in ("ENABLED", "DISABLED"):
        raise BadRequest("The status of a backup policy is ENABLED or DISABLED.")
    found._backup = policy["Status"] == "ENABLED"
    return json.dumps({"BackupPolicy": policy}), _JSON


def put_file_system_policy(self: EFSResponse) -> TYPE_RESPONSE:
    found = _file_system(self.efs_backend, self._get_param("FileSystemId"))
    policy = self._get_param("Policy")
    try:
        json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError):
        raise EFSError("InvalidPolicyException", "The policy is no policy.") from None
    found.file_system_policy = policy
    return json.dumps({"FileSystemId": found.file_system_id, "Policy": policy}), _JSON


def delete_file_system_policy(self: EFSResponse) -> TYPE_RESPONSE:
    _file_system(self.efs_backend, self._get_param("FileSystemId")).file_system_policy = None
    return "{}", _JSON


def _find_by_arn() -> None:
    """Give every operation the id of a file system that is there."""
    for operation in (
        "create_mount_target",
        "delete_file_system",
        "describe_backup_policy",
        "describe_file_system_policy",
        "describe_lifecycle_configuration",
        "put_lifecycle_configuration",
    ):
        of_id = getattr(EFSBackend, operation)

        def by_any(
            self: EFSBackend, file_system_id: str, *values: Any, of_id: Any = of_id, **named: Any
        ) -> Any:
            return of_id(self, _file_system(self, file_system_id).file_system_id, *values, **named)

        setattr(EFSBackend, operation, by_any)
    describe = EFSBackend.describe_file_systems

    def describe_file_systems(self: EFSBackend, *values: Any, **named: Any) -> Any:
        if name := named.get("file_system_id"):
            named["file_system_id"] = name.rpartition("/")[2]
        return describe(self, *values, **named)

    EFSBackend.describe_file_systems = describe_file_systems


def _default_groups() -> None:
    create = EFSBackend.create_mount_target

    def create_mount_target(
        self: EFSBackend,
        file_system_id: str,
        subnet_id: str,
        ip_address: str | None = None,
        security_groups: list[str] | None = None,
    ) -> MountTarget:
        subnet = self.ec2_backend.subnets and next(
            (zone[subnet_id] for zone in self.ec2_backend.subnets.values() if subnet_id in zone), None
        )
        if subnet and not security_groups:
            security_groups = [self.ec2_backend.get_default_security_group(subnet.vpc_id).id]
        return create(self, file_system_id, subnet_id, ip_address, security_groups)

    EFSBackend.create_mount_target = create_mount_target


def apply() -> None:
    """Mend it."""
    _tell_errors()
    _create()
    _default_groups()
    _find_by_arn()
    for operation in (
        update_file_system,
        put_backup_policy,
        put_file_system_policy,
        delete_file_system_policy,
    ):
        setattr(EFSResponse, operation.__name__, operation)
