"""CloudTrail: what moto does otherwise.

- A trail is not found from another region by its ARN; and then it could be changed there, which AWS
  refuses.
- GetTrail does not tell the home region; what was never set is told as null.
- DescribeTrails ignores the names it is asked for, ListTrails leaves trails of other regions out.
- An organization's trail is not seen by its members; they may not change it, nor make one.
- A new trail has no event selectors; on AWS it has the default one. Basic and advanced ones replace each
  other.
- DeleteTrail by an ARN deletes nothing. A second trail of a name replaces the first, and there may be any
  number.
- LookupEvents is not there; the front answers it once it is let through here.

What a trail needs to work is looked at in `cloudtrail_needs`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from moto.cloudtrail.exceptions import TrailNotFoundException
from moto.cloudtrail.models import CloudTrailBackend, Trail, TrailStatus, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError

from localaws.moto import organization
from localaws.moto.repairs import cloudtrail_needs
from localaws.world import MANAGEMENT

_PER_REGION = 5
_DEFAULT_SELECTOR = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}


def _of_organization(account: str) -> Iterator[Trail]:
    """The trails of the management account which a member sees."""
    if account == MANAGEMENT or not organization.organization_of(account):
        return
    for backend in list(cloudtrail_backends[MANAGEMENT].values()):
        yield from (trail for trail in list(backend.trails.values()) if trail.is_org_trail)


def _everywhere(account: str) -> Iterator[Trail]:
    for backend in list(cloudtrail_backends[account].values()):
        yield from list(backend.trails.values())
    yield from _of_organization(account)


def _seen(backend: CloudTrailBackend, shadows: bool = True) -> list[Trail]:
    """The trails at work in a region; of those whose home is elsewhere only when shadows are asked for."""
    return [
        trail
        for trail in _everywhere(backend.account_id)
        if trail.region_name == backend.region_name or (shadows and trail.is_multi_region)
    ]


def _find() -> None:
    get_here = CloudTrailBackend.get_trail

    def get_trail(self: CloudTrailBackend, name_or_arn: str) -> Trail:
        try:
            return get_here(self, name_or_arn)
        except TrailNotFoundException:
            found = next((trail for trail in _everywhere(self.account_id) if trail.arn == name_or_arn), None)
            if found is None:
                raise
            return found

    def get_trail_status(self: CloudTrailBackend, name: str) -> TrailStatus:
        shadow = (trail for trail in _seen(self) if trail.trail_name == name)
        return (next(shadow, None) or self.get_trail(name)).status

    CloudTrailBackend.get_trail = get_trail
    CloudTrailBackend.get_trail_status = get_trail_status
    CloudTrailBackend.describe_trails = _seen
    CloudTrailBackend.list_trails = lambda self: list(_everywhere(self.account_id))


def _refuse_members() -> JsonRESTError:
    message = (
        "The trail of an organization can only be made and changed by the organization's management account."
    )
    return JsonRESTError("NotOrganizationMasterAccountException", message)


def _change_at_home_only(operation: str) -> None:
    change: Callable[..., Any] = getattr(CloudTrailBackend, operation)

    def at_home(self: CloudTrailBackend, *values: Any, **named: Any) -> Any:
        name = values[0] if values else named.get("name") or named["trail_name"]
        trail = self.get_trail(name)
        if trail.account_id != self.account_id:
            raise _refuse_members()
        home = trail.region_name
        if home != self.region_name:
            message = f"The trail {name} can only be changed from its home region {home}."
            raise JsonRESTError("InvalidHomeRegionException", message)
        return change(self, *values, **named)

    setattr(CloudTrailBackend, operation, at_home)


def _create_and_update() -> None:
    create, update = CloudTrailBackend.create_trail, CloudTrailBackend.update_trail

    def create_trail(self: CloudTrailBackend, name: str, *values: Any) -> Trail:
        *settings, key, tags = values
        *_, is_org_trail, _, _ = settings
        if is_org_trail and self.account_id != MANAGEMENT:
            raise _refuse_members()
        if name in self.trails:
            message = f"Trail {name} already exists for customer: {self.account_id}"
            raise JsonRESTError("TrailAlreadyExistsException", message)
        if len(_seen(self)) >= _PER_REGION:
            message = f"User: {self.account_id} already has {_PER_REGION} trails in {self.region_name}."
            raise JsonRESTError("MaximumNumberOfTrailsExceededException", message)
        # The topic and the name are looked at by moto, as the trail is made.
        made = create(self, name, *settings, key or None, tags)
        try:
            cloudtrail_needs.check(made, cloudtrail_needs.EVERYTHING)
        except JsonRESTError:
            del self.trails[name]
            self.tagging_service.delete_all_tags_for_resource(made.arn)
            raise
        return made

    def update_trail(self: CloudTrailBackend, name: str, **changes: Any) -> Trail:
        trail, given = self.get_trail(name), {key for key, value in changes.items() if value is not None}
        if changes.get("is_organization_trail") and self.account_id != MANAGEMENT:
            raise _refuse_members()
        before = dict(vars(trail))
        try:
            update(self, name=name, **changes)
            cloudtrail_needs.check(trail, given)
        except JsonRESTError:
            vars(trail).update(before)
            raise
        return trail

    def delete_trail(self: CloudTrailBackend, name: str) -> None:
        trail = self.get_trail(name)
        self.tagging_service.delete_all_tags_for_resource(trail.arn)
        del self.trails[trail.trail_name]

    CloudTrailBackend.create_trail = create_trail
    CloudTrailBackend.update_trail = update_trail
    CloudTrailBackend.delete_trail = delete_trail


def get_trail(self: CloudTrailResponse) -> str:
    trail = self.cloudtrail_backend.get_trail(self._get_param("Name"))
    return json.dumps({"Trail": trail.description(include_region=True)})


def describe_trails(self: CloudTrailResponse) -> str:
    names = self._get_param("trailNameList") or []
    shadows = self._get_bool_param("includeShadowTrails", True)
    trails = []
    for name in names:
        try:
            trails.append(self.cloudtrail_backend.get_trail(name))
        except TrailNotFoundException:
            continue
    if not names:
        trails = list(self.cloudtrail_backend.describe_trails(shadows))
    return json.dumps({"trailList": [t.description(include_region=True) for t in trails]})


def _describe() -> None:
    describe = Trail.description

    def description(self: Trail, include_region: bool = False) -> dict[str, Any]:
        told = describe(self, include_region)
        custom = bool(self.event_selectors or self.advanced_event_selectors)
        told |= {"HasCustomEventSelectors": custom, "HasInsightSelectors": bool(self.insight_selectors)}
        return {name: value for name, value in told.items() if value not in (None, "")}

    Trail.description = description


def _select() -> None:
    def get_event_selectors(self: Trail) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        if not self.event_selectors and not self.advanced_event_selectors:
            return [dict(_DEFAULT_SELECTOR)], []
        return self.event_selectors, self.advanced_event_selectors

    def put_event_selectors(
        self: Trail, basic: list[dict[str, Any]] | None, advanced: list[dict[str, Any]] | None
    ) -> None:
        if bool(basic) == bool(advanced):
            message = "Specify either event selectors or advanced event selectors."
            raise JsonRESTError("InvalidEventSelectorsException", message)
        self.event_selectors = [_DEFAULT_SELECTOR | selector for selector in basic or []]
        self.advanced_event_selectors = advanced or []

    tell = CloudTrailResponse.get_event_selectors

    def get_what_is_there(self: CloudTrailResponse) -> str:
        return json.dumps({name: value for name, value in json.loads(tell(self)).items() if value})

    CloudTrailResponse.get_event_selectors = get_what_is_there
    Trail.get_event_selectors = get_event_selectors
    Trail.put_event_selectors = put_event_selectors


def apply() -> None:
    """Mend it."""
    _find()
    _create_and_update()
    for operation in ("update_trail", "delete_trail", "start_logging", "stop_logging", "put_event_selectors"):
        _change_at_home_only(operation)
    CloudTrailResponse.get_trail = get_trail
    CloudTrailResponse.describe_trails = describe_trails
    CloudTrailResponse.lookup_events = lambda self: "{}"
    _describe()
    _select()
    Trail.check_bucket_exists = lambda self: None
