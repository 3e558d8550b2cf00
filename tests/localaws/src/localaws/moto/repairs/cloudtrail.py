"""CloudTrail: what moto does otherwise.

- A trail is not found from another region by its ARN; and then it could be changed there, which AWS refuses.
- GetTrail does not tell the home region.
- DescribeTrails ignores the names it is asked for.
- A new trail has no event selectors; on AWS it has the default one.
- LookupEvents is not there; the front answers it once it is let through here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.cloudtrail.exceptions import TrailNotFoundException
from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError

_DEFAULT_SELECTOR = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}


def _find_by_arn_everywhere() -> None:
    get_here = CloudTrailBackend.get_trail

    def get_trail(self: CloudTrailBackend, name_or_arn: str) -> Trail:
        try:
            return get_here(self, name_or_arn)
        except TrailNotFoundException:
            for backend in list(cloudtrail_backends[self.account_id].values()):
                for trail in list(backend.trails.values()):
                    if trail.arn == name_or_arn:
                        return trail
            raise

    CloudTrailBackend.get_trail = get_trail


def _change_at_home_only(operation: str) -> None:
    change: Callable[..., Any] = getattr(CloudTrailBackend, operation)

    def at_home(self: CloudTrailBackend, *values: Any, **named: Any) -> Any:
        name = values[0] if values else named.get("name") or named["trail_name"]
        home = self.get_trail(name).region_name
        if home != self.region_name:
            message = f"The trail {name} can only be changed from its home region {home}."
            raise JsonRESTError("InvalidHomeRegionException", message)
        return change(self, *values, **named)

    setattr(CloudTrailBackend, operation, at_home)


def get_trail(self: CloudTrailResponse) -> str:
    trail = self.cloudtrail_backend.get_trail(self._get_param("Name"))
    return json.dumps({"Trail": trail.description(include_region=True)})


def describe_trails(self: CloudTrailResponse) -> str:
    names = self._get_param("trailNameList") or []
    shadows = self._get_bool_param("includeShadowTrails", True)
    if names:
        trails = []
        for name in names:
            try:
                trails.append(self.cloudtrail_backend.get_trail(name))
            except TrailNotFoundException:
                continue
    else:
        trails = list(self.cloudtrail_backend.describe_trails(shadows))
    return json.dumps({"trailList": [t.description(include_region=True) for t in trails]})


def _have_a_default_selector() -> None:
    def get_event_selectors(self: Trail) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        if not self.event_selectors and not self.advanced_event_selectors:
            return [dict(_DEFAULT_SELECTOR)], []
        return self.event_selectors, self.advanced_event_selectors

    Trail.get_event_selectors = get_event_selectors


def apply() -> None:
    """Mend it."""
    _find_by_arn_everywhere()
    for operation in ("update_trail", "delete_trail", "start_logging", "stop_logging", "put_event_selectors"):
        _change_at_home_only(operation)
    CloudTrailResponse.get_trail = get_trail
    CloudTrailResponse.describe_trails = describe_trails
    CloudTrailResponse.lookup_events = lambda self: "{}"
    _have_a_default_selector()
