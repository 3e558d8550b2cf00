"""RDS: what moto does otherwise for DB instances.

- All instances have one resource id, and a replica has its source's. The key of an encrypted one is told as
  it was given, the default one by no ARN.
- Default option groups are not known.
- Performance Insights is not told; nor is a group of the subnets' own VPC the default for security groups.
- An instance that is not available is changed all the same. Changes that AWS defers are made without
  ApplyImmediately.
- A new name is not looked at, and a renamed instance keeps what ModifyDBInstance was told.
- DeleteDBInstance makes no snapshot and does not ask for one.
- Restoring takes over what AWS sets to its defaults: class, port, licence, size and retention are those of
  the snapshot, all else must be said. Tags are not taken over either, which AWS does when it is given none.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.rds import models
from moto.rds.exceptions import (
    DBInstanceAlreadyExists,
    DBInstanceNotFoundError,
    InvalidParameterCombination,
    KMSKeyNotAccessibleFault,
    RDSClientError,
)
from moto.rds.models import DBInstance, DBInstanceClustered, DBSnapshot, RDSBackend
from moto.rds.responses import RDSResponse

from localaws.moto import transitions
from localaws.moto.keys import key_named

_PENDING = {
    "allocated_storage": "AllocatedStorage",
    "backup_retention_period": "BackupRetentionPeriod",
    "ca_certificate_identifier": "CACertificateIdentifier",
    "db_instance_class": "DBInstanceClass",
    "enable_iam_database_authentication": "IAMDatabaseAuthenticationEnabled",
    "engine_version": "EngineVersion",
    "iops": "Iops",
    "license_model": "LicenseModel",
    "master_user_password": "MasterUserPassword",
    "multi_az": "MultiAZ",
    "port": "Port",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}
"""What waits for the maintenance window unless it is to be applied immediately; the window never comes."""
_OF_THE_CALL = (
    "allow_major_version_upgrade",
    "apply_immediately",
    "certificate_rotation_restart",
    "cloudwatch_logs_export_configuration",
)
_FROM_SNAPSHOT = (
    "allocated_storage",
    "backup_retention_period",
    "character_set_name",
    "db_instance_class",
    "db_name",
    "engine",
    "engine_version",
    "license_model",
    "master_username",
    "port",
)


def place(backend: RDSBackend) -> tuple[str, str, str]:
    """Where changes of instances are under way."""
    return backend.account_id, backend.region_name, "instances"


def key_arn(backend: RDSBackend, name: str | None) -> str:
    """The ARN of a key that can be used, by default of the one that AWS keeps for RDS."""
    key = key_named(name or "alias/aws/rds", backend.account_id, backend.region_name)
    if key is None or key.key_state != "Enabled":
        raise KMSKeyNotAccessibleFault(name or "alias/aws/rds")
    return key.arn


def require_available(instance: DBInstance) -> None:
    """Refuse to work on an instance that something else is done with."""
    if instance.status != "available":
        message = f"Instance {instance.db_instance_identifier} is not available, it is {instance.status}."
        raise RDSClientError("InvalidDBInstanceState", message)


def _rename_parameters(asked: Any) -> dict[str, Any]:
    """The parameters by the names of the attributes which they set."""
    given = {name: value for name, value in dict(**asked).items() if value is not None}
    for old, new in (
        ("db_port_number", "port"),
        ("enable_performance_insights", "performance_insights_enabled"),
    ):
        if old in given:
            given[new] = given.pop(old)
    return given


def _insights(instance: DBInstance, given: dict[str, Any]) -> None:
    """What moto's instances do not know of."""
    instance.performance_insights_enabled = bool(given.get("performance_insights_enabled"))
    if instance.performance_insights_enabled:
        instance.performance_insights_retention_period = (
            given.get("performance_insights_retention_period") or 7
        )
        key = given.get("performance_insights_kms_key_id")
        instance.performance_insights_kms_key_id = key_arn(instance.backend, key)


def _resource_id() -> str:
    return "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))


def _default_group(backend: RDSBackend, subnet_group: str) -> list[str]:
    vpc = backend.describe_db_subnet_groups(subnet_group)[0].vpc_id
    return [ec2_backends[backend.account_id][backend.region_name].get_default_security_group(vpc).id]


def _create() -> None:
    create = RDSBackend.create_db_instance

    def create_db_instance(self: RDSBackend, asked: Any) -> DBInstance:
        given = _rename_parameters(asked)
        alone = given.get("db_cluster_identifier") is None
        if alone and given.get("storage_encrypted"):
            given["kms_key_id"] = key_arn(self, given.get("kms_key_id"))
        if given.get("db_subnet_group_name") and not given.get("vpc_security_group_ids"):
            given["vpc_security_group_ids"] = _default_group(self, given["db_subnet_group_name"])
        made = create(self, given)
        made.dbi_resource_id = _resource_id()
        made.publicly_accessible = bool(made.publicly_accessible)
        made.pending_modified_values = {}
        _insights(made, given)
        if alone:
            begin(self, made, "creating")
        return made

    RDSBackend.create_db_instance = create_db_instance


def _replicate() -> None:
    create = RDSBackend.create_db_instance_read_replica

    def create_db_instance_read_replica(self: RDSBackend, asked: Any) -> DBInstance:
        require_available(self.find_db_from_id(asked["source_db_instance_identifier"]))
        if asked["db_instance_identifier"] in self.databases:
            raise DBInstanceAlreadyExists
        replica = create(self, asked)
        replica.dbi_resource_id, replica.pending_modified_values = _resource_id(), {}
        begin(self, replica, "creating")
        return replica

    RDSBackend.create_db_instance_read_replica = create_db_instance_read_replica


def begin(backend: RDSBackend, instance: DBInstance, status: str) -> None:
    """Make an instance available in due time."""
    name = instance.db_instance_identifier
    transitions.begin(
        place(backend), [name], instance, status, lambda: setattr(instance, "status", "available")
    )


def _modify() -> None:
    modify = RDSBackend.modify_db_instance

    def modify_db_instance(self: RDSBackend, db_instance_identifier: str, asked: Any) -> DBInstance:
        instance = self.describe_db_instances(db_instance_identifier)[0]
        require_available(instance)
        given, at_once = _rename_parameters(asked), bool(asked.get("apply_immediately"))
        new_name = (given.pop("new_db_instance_identifier", None) or "").lower()
        given.pop("db_instance_identifier", None)
        if new_name and new_name in self.databases:
            raise DBInstanceAlreadyExists
        if not at_once and not isinstance(instance, DBInstanceClustered):
            pending = {name: given.pop(name) for name in _PENDING if name in given}
            for name, value in pending.items():
                if name == "master_user_password" or value != getattr(instance, name):
                    told = "****" if name == "master_user_password" else value
                    instance.pending_modified_values[_PENDING[name]] = told
        elif at_once:
            waiting = instance.pending_modified_values
            given = {name: waiting[told] for name, told in _PENDING.items() if told in waiting} | given
            instance.pending_modified_values = {}
        modify(self, instance.db_instance_identifier, given)
        for name in _OF_THE_CALL:
            vars(instance).pop(name, None)
        if "performance_insights_enabled" in given:
            _insights(instance, given)
        if new_name:
            self._validate_db_identifier(new_name)
            instance.pending_modified_values["DBInstanceIdentifier"] = new_name
            if at_once:
                _rename(self, instance, new_name)
        return instance

    RDSBackend.modify_db_instance = modify_db_instance


def _rename(backend: RDSBackend, instance: DBInstance, new_name: str) -> None:
    """Until it is done the instance goes by its old name, and then by the new one only."""
    old_name = instance.db_instance_identifier

    def finish() -> None:
        backend.databases.pop(old_name)
        instance.db_instance_identifier = new_name
        for other in backend.databases.values():
            if other.source_db_instance_identifier == old_name:
                other.source_db_instance_identifier = new_name
            other.replicas = [new_name if replica == old_name else replica for replica in other.replicas]
        backend.databases[new_name] = instance
        instance.pending_modified_values = {}
        instance.status = "available"

    transitions.begin(place(backend), [old_name, new_name], instance, "renaming", finish)


def _delete() -> None:
    delete = RDSBackend.delete_db_instance

    def delete_db_instance(
        self: RDSBackend,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> DBInstance:
        instance = self.databases.get(db_instance_identifier)
        if instance is None:
            raise DBInstanceNotFoundError(db_instance_identifier)
        if instance.deletion_protection:
            message = "Cannot delete protected DB Instance, please disable deletion protection and try again."
            raise InvalidParameterCombination(message)
        require_available(instance)
        clustered = isinstance(instance, DBInstanceClustered)
        if not clustered and bool(skip_final_snapshot) == bool(final_db_snapshot_identifier):
            message = "Either FinalDBSnapshotIdentifier is required, or SkipFinalSnapshot, and not both."
            raise InvalidParameterCombination(message)
        if final_db_snapshot_identifier:
            self.create_db_snapshot(db_instance_identifier, final_db_snapshot_identifier)
        name = instance.db_instance_identifier

        def finish() -> None:
            delete(self, name, None, True, delete_automated_backups)

        transitions.begin(place(self), [name], instance, "deleting", finish)
        return instance

    RDSBackend.delete_db_instance = delete_db_instance


def _restore() -> None:
    def restore_db_instance_from_db_snapshot(
        self: RDSBackend, from_snapshot_id: str, asked: Any
    ) -> DBInstance:
        snapshot: DBSnapshot = self.get_db_snapshot(from_snapshot_id)
        if snapshot.status != "available":
            message = f"The snapshot {from_snapshot_id} is not available, it is {snapshot.status}."
            raise RDSClientError("InvalidDBSnapshotState", message)
        given = _rename_parameters(asked)
        given.pop("db_snapshot_identifier", None)
        if given.get("allocated_storage", snapshot.allocated_storage) < snapshot.allocated_storage:
            message = "The allocated storage size can't be less than the source snapshot or backup size."
            raise RDSClientError("InvalidParameterValue", message)
        known = {name: getattr(snapshot.database, name) for name in _FROM_SNAPSHOT}
        settings = known | {
            "publicly_accessible": "db_subnet_group_name" not in given,
            "storage_encrypted": snapshot.encrypted,
            "storage_type": "io1" if given.get("iops") else "gp3",
            **given,
            "kms_key_id": snapshot.kms_key_id,
        }
        return self.create_db_instance(settings)

    RDSBackend.restore_db_instance_from_db_snapshot = restore_db_instance_from_db_snapshot


def _look() -> None:
    describe: Callable[[RDSResponse], ActionResult] = RDSResponse.describe_db_instances

    def describe_db_instances(self: RDSResponse) -> ActionResult:
        transitions.look(place(self.backend), self.params.get("DBInstanceIdentifier"))
        return describe(self)

    RDSResponse.describe_db_instances = describe_db_instances
    endpoint = DBInstance.endpoint.fget
    DBInstance.endpoint = property(lambda self: None if self.status == "creating" else endpoint(self))


def _know_default_groups() -> None:
    """Every engine and version has a default option group, which nobody makes."""
    known = models.CaseInsensitiveDict.__contains__

    class OptionGroups(models.CaseInsensitiveDict):  # type: ignore[misc, name-defined]
        def __contains__(self, name: object) -> bool:
            return str(name).startswith("default:") or known(self, name)

    begin = RDSBackend.__init__

    def __init__(self: RDSBackend, region_name: str, account_id: str) -> None:
        begin(self, region_name, account_id)
        self.option_groups = OptionGroups()
        self.resource_map[models.OptionGroup] = self.option_groups

    RDSBackend.__init__ = __init__


def apply() -> None:
    """Mend it."""
    _know_default_groups()
    _create()
    _replicate()
    _modify()
    _delete()
    _restore()
    _look()
