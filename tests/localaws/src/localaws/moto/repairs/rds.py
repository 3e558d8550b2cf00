"""RDS: what moto does otherwise for Multi-AZ DB clusters, those with a cluster instance class.

- Such a cluster says that it is one, and comes with three instances.
- Their settings are the cluster's: ModifyDBInstance refuses them, ModifyDBCluster passes them on.
"""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBCluster, DBInstance, RDSBackend

_OF_THE_CLUSTER = frozenset({"auto_minor_version_upgrade", "backup_retention_period", "db_instance_class"})


def _is_multi_az(cluster: DBCluster | None) -> bool:
    if cluster is None or cluster.engine not in ("mysql", "postgres"):
        return False
    return bool(cluster.db_cluster_instance_class)


def _members(backend: RDSBackend, cluster: DBCluster) -> list[DBInstance]:
    wanted = cluster.db_cluster_identifier
    return [i for i in backend.databases.values() if i.db_cluster_identifier == wanted]


def _say_multi_az() -> None:
    of_members = DBCluster.multi_az.fget
    DBCluster.multi_az = property(lambda self: _is_multi_az(self) or of_members(self))


def _come_with_instances() -> None:
    create = RDSBackend.create_db_cluster

    def create_db_cluster(self: RDSBackend, kwargs: dict[str, Any]) -> DBCluster:
        cluster = create(self, kwargs)
        if _is_multi_az(cluster):
            for number in range(1, 4):
                instance = {
                    "db_instance_identifier": f"{cluster.db_cluster_identifier}-instance-{number}",
                    "db_cluster_identifier": cluster.db_cluster_identifier,
                    "db_instance_class": cluster.db_cluster_instance_class,
                    "engine": cluster.engine,
                    "auto_minor_version_upgrade": cluster.auto_minor_version_upgrade,
                }
                self.create_db_instance(instance)
        return cluster

    RDSBackend.create_db_cluster = create_db_cluster


def _share_settings() -> None:
    modify_instance, modify_cluster = RDSBackend.modify_db_instance, RDSBackend.modify_db_cluster

    def modify_db_instance(
        self: RDSBackend, db_instance_identifier: str, db_kwargs: dict[str, Any]
    ) -> DBInstance:
        instance = self.describe_db_instances(db_instance_identifier)[0]
        refused = _OF_THE_CLUSTER & {name for name, value in db_kwargs.items() if value is not None}
        cluster = self.clusters.get(instance.db_cluster_identifier or "")
        if refused and _is_multi_az(cluster):
            names = ", ".join(sorted(refused))
            message = f"{db_instance_identifier} is in a Multi-AZ DB cluster; change {names} there"
            raise RDSClientError("InvalidParameterCombination", message)
        return modify_instance(self, db_instance_identifier, db_kwargs)

    def modify_db_cluster(self: RDSBackend, kwargs: dict[str, Any]) -> DBCluster:
        changed = modify_cluster(self, dict(kwargs))
        cluster = self.clusters[changed.db_cluster_identifier]
        if _is_multi_az(cluster):
            for instance in _members(self, cluster):
                instance.auto_minor_version_upgrade = cluster.auto_minor_version_upgrade
        return changed

    RDSBackend.modify_db_instance = modify_db_instance
    RDSBackend.modify_db_cluster = modify_db_cluster


def apply() -> None:
    """Mend it."""
    _say_multi_az()
    _come_with_instances()
    _share_settings()
