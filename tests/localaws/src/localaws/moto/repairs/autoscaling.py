"""Auto Scaling: what moto does otherwise.

- A group that is at its maximum refuses another instance as if it were busy, which is worth another try.
"""

from __future__ import annotations

from moto.autoscaling.exceptions import ResourceContentionError, ValidationError
from moto.autoscaling.models import AutoScalingBackend


def apply() -> None:
    """Mend it."""
    attach = AutoScalingBackend.attach_instances

    def attach_instances(self: AutoScalingBackend, group_name: str, instance_ids: list[str]) -> None:
        try:
            attach(self, group_name, instance_ids)
        except ResourceContentionError:
            most = self.autoscaling_groups[group_name].max_size
            count = len(instance_ids)
            raise ValidationError(
                f"AutoScalingGroup {group_name} has max-size={most}. To attach {count} more, raise its sizes."
            ) from None

    AutoScalingBackend.attach_instances = attach_instances
