"""EC2's prefix lists: what moto does otherwise.

- Entries of a list that does not exist are an empty list; changing or deleting one is an internal error.
- Entries may be no ranges, of the other family, or more than the list has room for. Changing a list without a
  new name takes its name away, and of what version was read is not looked at.
- A list is deleted although rules of security groups name it, and stays for another reading.
- AWS's own lists have other ids in each run and another owner in each case of letters; that of EC2 Instance
  Connect is missing.
"""

from __future__ import annotations

import hashlib
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.managed_prefixes import ManagedPrefixList, ManagedPrefixListBackend
from moto.ec2.responses import EC2Response

from localaws.moto import permissions
from localaws.moto.permissions import wrong

_OWNER = "AWS"
_KNOWN = {
    ("us-east-1", "s3"): "pl-63a5400a",
    ("us-east-1", "dynamodb"): "pl-02cd2c6b",
    ("us-east-1", "cloudfront.origin-facing"): "pl-3b927c52",
}
_WEIGHTS = {"cloudfront.origin-facing": 55, "groundstation": 5, "vpc-lattice": 10}

Entries = list[dict[str, str]]


def _own_name(full: str, region: str) -> str:
    name = full.removeprefix("com.amazonaws.")
    return name.removeprefix(f"{region}.").removeprefix("global.")


def weight(prefix_list: ManagedPrefixList) -> int:
    """For how many rules a rule counts that names the list."""
    if prefix_list.max_entries:
        return int(prefix_list.max_entries)
    name = _own_name(prefix_list.prefix_list_name or "", prefix_list.ec2_backend.region_name)
    return _WEIGHTS.get(name.removeprefix("ipv6."), 1)


def _list(backend: Any, name: str | None) -> ManagedPrefixList:
    found = backend.managed_prefix_lists.get(name)
    if found is None:
        raise wrong(f"The prefix list ID '{name}' does not exist.", "InvalidPrefixListID.NotFound")
    return found


def _checked(entries: Entries, family: str, room: int) -> Entries:
    """Entries with their ranges in canonical form."""
    checked = [
        {**entry, "Cidr": permissions.cidr_of(entry["Cidr"], 6 if family == "IPv6" else 4)}
        for entry in entries
    ]
    if len({entry["Cidr"] for entry in checked}) < len(checked):
        raise wrong("Entries may not have the same CIDR twice.")
    if len(checked) > room:
        message = f"You've reached the maximum number of entries for the prefix list ({room})."
        raise wrong(message, "PrefixListMaxEntriesExceeded")
    return checked


def _create(self: Any) -> ActionResult:
    self.error_on_dryrun()
    get = self._get_param
    family, room, name = get("AddressFamily"), get("MaxEntries"), get("PrefixListName")
    if family not in ("IPv4", "IPv6"):
        raise wrong(f"Value ({family}) for parameter AddressFamily is invalid.")
    if not room or not 1 <= int(room) <= 1000:
        raise wrong(f"Value ({room}) for parameter MaxEntries is invalid.")
    if not name or name.startswith("com.amazonaws"):
        raise wrong(f"Value ({name}) for parameter PrefixListName is invalid.")
    made = self.ec2_backend.create_managed_prefix_list(
        address_family=family,
        entry=_checked(get("Entries", []), family, int(room)),
        max_entries=room,
        prefix_list_name=name,
        tags=self._parse_tag_specification("prefix-list").get("prefix-list", {}),
    )
    return ActionResult({"PrefixList": made})


def _entries(self: Any) -> ActionResult:
    self.error_on_dryrun()
    found, version = (
        _list(self.ec2_backend, self._get_param("PrefixListId")),
        self._get_param("TargetVersion"),
    )
    wanted = max(found.entries, default=found.version) if version is None else int(version)
    if wanted not in found.entries and wanted != found.version:
        raise wrong(f"The version {version} of the prefix list does not exist.")
    return ActionResult({"Entries": found.entries.get(wanted, [])})


def _modify(self: Any) -> ActionResult:
    self.error_on_dryrun()
    get = self._get_param
    found = _list(self.ec2_backend, get("PrefixListId"))
    if found.resource_owner_id == _OWNER:
        raise wrong("AWS-managed prefix lists cannot be modified.", "UnauthorizedOperation")
    added, removed = get("AddEntries", []), {entry["Cidr"] for entry in get("RemoveEntries", [])}
    if added or removed:
        if get("CurrentVersion") is None or int(get("CurrentVersion")) != found.version:
            message = f"The prefix list has the version {found.version}."
            raise wrong(message, "PrefixListVersionMismatch")
        kept = {entry["Cidr"]: entry for entry in found.entries.get(found.version, [])}
        for range_ in removed:
            if kept.pop(range_, None) is None:
                raise wrong(f"The entry {range_} is not in the prefix list.")
        kept |= {entry["Cidr"]: entry for entry in _checked(added, found.address_family, 1000)}
        entries = _checked(list(kept.values()), found.address_family, int(found.max_entries))
        found.version += 1
        found.entries[found.version] = entries
    found.prefix_list_name = get("PrefixListName") or found.prefix_list_name
    found.max_entries = get("MaxEntries") or found.max_entries
    found.state = "modify-complete"
    return ActionResult({"PrefixList": found})


def _delete(self: Any) -> ActionResult:
    self.error_on_dryrun()
    backend = self.ec2_backend
    found = _list(backend, self._get_param("PrefixListId"))
    named = (
        rule.prefix_list_id
        for groups in backend.groups.values()
        for group in groups.values()
        for rule in [*group.ingress_rules, *group.egress_rules]
    )
    if found.id in named:
        raise wrong(f"The prefix list {found.id} is in use.", "DependencyViolation")
    del backend.managed_prefix_lists[found.id]
    backend.tags.pop(found.id, None)
    found.state = "delete-complete"
    return ActionResult({"PrefixList": found})


def _own_lists() -> None:
    create, create_all = (
        ManagedPrefixListBackend._create_aws_managed_prefix_list,
        ManagedPrefixListBackend.create_default_pls,
    )

    def create_own(self: Any, name: str, address_family: str, entries: Entries) -> None:
        before = set(self.managed_prefix_lists)
        create(self, name, address_family, entries)
        (made,) = set(self.managed_prefix_lists) - before
        found, region = self.managed_prefix_lists.pop(made), self.region_name
        derived = f"pl-{hashlib.sha256(f'{region}/{name}'.encode()).hexdigest()[:8]}"
        found.id = _KNOWN.get((region, _own_name(name, region)), derived)
        found.prefix_list_arn = found.arn(region, "aws")
        self.managed_prefix_lists[found.id] = found

    def create_default_pls(self: Any) -> None:
        create_all(self)
        ranges = [{"Cidr": "18.206.107.24/29", "Description": "default"}]
        name = f"com.amazonaws.{self.region_name}.ec2-instance-connect"
        self._create_aws_managed_prefix_list(name, "IPv4", ranges)

    ManagedPrefixListBackend._create_aws_managed_prefix_list = create_own
    ManagedPrefixListBackend.create_default_pls = create_default_pls


def apply() -> None:
    """Mend it."""
    EC2Response.create_managed_prefix_list = _create
    EC2Response.get_managed_prefix_list_entries = _entries
    EC2Response.modify_managed_prefix_list = _modify
    EC2Response.delete_managed_prefix_list = _delete
    _own_lists()
