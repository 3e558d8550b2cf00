"""CloudWatch Logs: what moto does otherwise.

- Any number of days is taken as a retention.
- The tags of a deleted log group stay, and the next one of its name has them.
"""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError
from moto.logs.models import LogsBackend

_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)


def apply() -> None:
    """Mend it."""
    put, delete = LogsBackend.put_retention_policy, LogsBackend.delete_log_group

    def put_retention_policy(self: LogsBackend, log_group_name: str, retention_in_days: int) -> None:
        if int(retention_in_days) not in _DAYS:
            message = "1 validation error detected: retentionInDays must be one of the allowed values"
            raise JsonRESTError("InvalidParameterException", message)
        put(self, log_group_name, retention_in_days)

    def delete_log_group(self: LogsBackend, log_group_name: str) -> None:
        group = self.groups.get(log_group_name)
        delete(self, log_group_name)
        if group is not None:
            self.tagger.delete_all_tags_for_resource(group.arn)

    LogsBackend.put_retention_policy = put_retention_policy
    LogsBackend.delete_log_group = delete_log_group
