"""RDS: what moto does otherwise for DB snapshots.

- A snapshot does not tell its instance's storage, groups and place; the copy of one not what it is a copy
  of.
- The copy of a copy forgets the key; keys that cannot be used are taken.
- A snapshot of an instance, and a copy of a snapshot, that is not available is made all the same.
- A snapshot that is not there has another code. Snapshots do not come in pages.
- One of a cluster's instance is made; AWS makes snapshots of the cluster.
- An instance that keeps no backups has one. Two automated snapshots within a minute collide. A snapshot may
  be deleted while it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.rds import models
from moto.rds.exceptions import DBInstanceNotFoundError, DBSnapshotAlreadyExistsError, RDSClientError
from moto.rds.models import DBInstance, DBInstanceClustered, DBSnapshot, RDSBackend
from moto.rds.responses import RDSResponse

from localaws.moto import transitions
from localaws.moto.repairs.rds_instances import key_arn, require_available

_OF_INSTANCE = (
    "availability_zone",
    "backup_retention_period",
    "iops",
    "license_model",
    "option_group_name",
    "preferred_backup_window",
    "storage_throughput",
    "storage_type",
)


class _NotFound(RDSClientError):
    def __init__(self, name: str) -> None:
        super().__init__("DBSnapshotNotFound", f"DBSnapshot {name} not found.")


def _place(backend: RDSBackend) -> tuple[str, str, str]:
    return backend.account_id, backend.region_name, "snapshots"


def _complete(snapshot: DBSnapshot, instance: DBInstance) -> None:
    """Add what moto's snapshots do not know of."""
    for name in _OF_INSTANCE:
        # Instances of clusters have not all of them.
        setattr(snapshot, name, getattr(instance, name, None))
    snapshot.percent_progress = 100
    group = getattr(instance, "db_subnet_group", None)
    snapshot.vpc_id = group.vpc_id if group else None


def _begin(backend: RDSBackend, snapshot: DBSnapshot) -> None:
    name = snapshot.db_snapshot_identifier

    def finish() -> None:
        snapshot.status, snapshot.percent_progress = "available", 100

    snapshot.percent_progress = 0
    transitions.begin(_place(backend), [name, snapshot.db_instance_identifier], snapshot, "creating", finish)


def _require_available(snapshot: DBSnapshot) -> None:
    if snapshot.status != "available":
        message = f"The snapshot {snapshot.db_snapshot_identifier} is not available, it is {snapshot.status}."
        raise RDSClientError("InvalidDBSnapshotState", message)


def _create() -> None:
    create, automatic = RDSBackend.create_db_snapshot, RDSBackend.create_auto_snapshot

    def create_db_snapshot(
        self: RDSBackend, db_instance_identifier: str, db_snapshot_identifier: str, *values: Any, **named: Any
    ) -> DBSnapshot:
        instance = self.databases.get(db_instance_identifier)
        if instance is None:
            raise DBInstanceNotFoundError(db_instance_identifier)
        automated = named.get("snapshot_type") == "automated"
        if not automated and isinstance(instance, DBInstanceClustered):
            message = (
                "The specified instance is a member of a cluster and a snapshot cannot be created directly."
            )
            raise RDSClientError("InvalidParameterValue", message)
        if not automated:
            require_available(instance)
        made = create(self, db_instance_identifier, db_snapshot_identifier, *values, **named)
        _complete(made, instance)
        if not automated:
            _begin(self, made)
        return made

    def create_auto_snapshot(self: RDSBackend, instance: str, name: str) -> DBSnapshot:
        number = 2
        free = name
        while free in self.database_snapshots:
            free, number = f"{name}-{number}", number + 1
        return automatic(self, instance, free)

    back_up = DBInstance.save_automated_backup

    def save_automated_backup(self: DBInstance) -> None:
        if self.backup_retention_period:
            back_up(self)

    DBInstance.save_automated_backup = save_automated_backup
    RDSBackend.create_db_snapshot = create_db_snapshot
    RDSBackend.create_auto_snapshot = create_auto_snapshot


def _copy() -> None:
    def copy_db_snapshot(
        self: RDSBackend,
        source_db_snapshot_identifier: str,
        target_db_snapshot_identifier: str,
        kms_key_id: str | None = None,
        tags: list[dict[str, str]] | None = None,
        copy_tags: bool | None = False,
        **_: Any,
    ) -> DBSnapshot:
        source = self.get_db_snapshot(source_db_snapshot_identifier)
        _require_available(source)
        if target_db_snapshot_identifier in self.database_snapshots:
            raise DBSnapshotAlreadyExistsError(target_db_snapshot_identifier)
        made = DBSnapshot(
            self,
            source.database,
            target_db_snapshot_identifier,
            tags=tags or (list(source.tags) if copy_tags else []),
            kms_key_id=key_arn(self, kms_key_id) if kms_key_id else source.kms_key_id,
            original_created_at=source.original_snapshot_create_time,
        )
        if not tags and not copy_tags:
            made.tags = []
        _complete(made, source.database)
        made.source_db_snapshot_identifier = source.db_snapshot_arn
        self.database_snapshots[target_db_snapshot_identifier] = made
        _begin(self, made)
        return made

    RDSBackend.copy_db_snapshot = copy_db_snapshot


def _delete() -> None:
    delete = RDSBackend.delete_db_snapshot

    def delete_db_snapshot(self: RDSBackend, db_snapshot_identifier: str) -> DBSnapshot:
        _require_available(self.get_db_snapshot(db_snapshot_identifier))
        gone = delete(self, db_snapshot_identifier)
        gone.status = "deleted"
        return gone

    RDSBackend.delete_db_snapshot = delete_db_snapshot


def _look() -> None:
    describe: Callable[[RDSResponse], ActionResult] = RDSResponse.describe_db_snapshots

    def describe_db_snapshots(self: RDSResponse) -> ActionResult:
        name = self.params.get("DBSnapshotIdentifier") or self.params.get("DBInstanceIdentifier")
        transitions.look(_place(self.backend), name)
        found: Any = describe(self).result
        start, size = int(self.params.get("Marker") or 0), int(self.params.get("MaxRecords") or 100)
        more = {"Marker": str(start + size)} if start + size < len(found["DBSnapshots"]) else {}
        return ActionResult({"DBSnapshots": found["DBSnapshots"][start : start + size], **more})

    RDSResponse.describe_db_snapshots = describe_db_snapshots


def apply() -> None:
    """Mend it."""
    models.DBSnapshotNotFoundFault = _NotFound
    _create()
    _copy()
    _delete()
    _look()
