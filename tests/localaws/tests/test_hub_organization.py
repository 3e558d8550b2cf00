"""Security Hub for an organization: administrator, members, what new accounts get, standards, aggregation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local, finding
from roles import session
from test_identity import refusal

STANDARDS = "arn:aws:securityhub:eu-west-1::standards/"
OLD_CIS = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0"


class Hubs:
    """Security Hub in a region where the admin is the administrator."""

    def __init__(self, local: Local, region: str) -> None:
        self.local, self.region = local, region
        self.management = self.of(local.report["management"])
        self.admin = self.of(local.admin)

    def of(self, who: Any) -> Any:
        return self.local.client("securityhub", who, self.region)

    def govern(self, **order: Any) -> None:
        status, answer = self.local.door("POST", "governance", {"region": self.region, **order})
        assert status == 200, answer

    def add(self, *accounts: str) -> list[dict[str, str]]:
        details = [{"AccountId": account} for account in accounts]
        return self.admin.create_members(AccountDetails=details)["UnprocessedAccounts"]

    def members(self, **given: Any) -> dict[str, str]:
        pages = self.admin.get_paginator("list_members").paginate(**given)
        return {one["AccountId"]: one["MemberStatus"] for page in pages for one in page["Members"]}


@pytest.fixture
def hubs(local: Local) -> Iterator[Hubs]:
    """Everything is as before afterwards."""
    made = Hubs(local, "eu-west-1")
    made.management.enable_organization_admin_account(AdminAccountId=local.admin)
    yield made
    made.govern(type="LOCAL", associations=[])
    for arn in [
        a["FindingAggregatorArn"] for a in made.admin.list_finding_aggregators()["FindingAggregators"]
    ]:
        home = local.client("securityhub", local.admin, arn.split(":")[3])
        home.delete_finding_aggregator(FindingAggregatorArn=arn)
    if made.management.list_organization_admin_accounts()["AdminAccounts"]:
        made.management.disable_organization_admin_account(AdminAccountId=local.admin)
    made.admin.disable_security_hub()


def code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)[0]


def enabled(hub: Any) -> set[str]:
    pages = hub.get_paginator("get_enabled_standards").paginate()
    return {s["StandardsArn"] for page in pages for s in page["StandardsSubscriptions"]}


def test_without_a_hub_what_needs_one_is_refused(local: Local, account: str) -> None:
    hub = local.client("securityhub", account)
    for call in (
        "describe_hub",
        "get_enabled_standards",
        "describe_standards",
        "list_members",
        "disable_security_hub",
    ):
        with pytest.raises(ClientError) as caught:
            getattr(hub, call)()
        assert refusal(caught) == (
            "InvalidAccessException",
            f"Account {account} is not subscribed to AWS Security Hub",
        )
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401


def test_a_hub_comes_with_its_default_standards_unless_they_are_declined(local: Local, account: str) -> None:
    hub, other = local.client("securityhub", account, "eu-west-1"), local.client("securityhub", account)
    hub.enable_security_hub()
    other.enable_security_hub(EnableDefaultStandards=False)
    defaults = {OLD_CIS, f"{STANDARDS}aws-foundational-security-best-practices/v/1.0.0"}
    assert (enabled(hub), enabled(other)) == (defaults, set())
    with pytest.raises(ClientError) as caught:
        hub.enable_security_hub()
    assert refusal(caught) == ("ResourceConflictException", "Account is already subscribed to Security Hub")
    hub.disable_security_hub()
    assert code(hub.describe_hub) == "InvalidAccessException"
    assert code(hub.batch_import_findings, Findings=[finding(account)]) == "InvalidAccessException"
    other.batch_import_findings(Findings=[finding(account)])


def test_standards_are_listed_enabled_and_disabled(local: Local, account: str) -> None:
    hub = local.client("securityhub", account, "eu-west-1")
    hub.enable_security_hub(EnableDefaultStandards=False)
    pages = hub.get_paginator("describe_standards").paginate(PaginationConfig={"PageSize": 3})
    known = {s["StandardsArn"]: s["EnabledByDefault"] for page in pages for s in page["Standards"]}
    assert known[OLD_CIS]
    cis = f"{STANDARDS}cis-aws-foundations-benchmark/v/5.0.0"
    assert not known[cis]
    (made,) = hub.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": cis}])[
        "StandardsSubscriptions"
    ]
    assert made["StandardsStatus"] == "PENDING"
    (now,) = hub.get_enabled_standards()["StandardsSubscriptions"]
    assert now["StandardsStatus"] == "READY"
    for wrong in (cis.replace("eu-west-1", "us-east-1"), OLD_CIS.replace(":::", ":eu-west-1::"), "arn:x"):
        asked = [{"StandardsArn": wrong}]
        assert (
            code(hub.batch_enable_standards, StandardsSubscriptionRequests=asked) == "InvalidInputException"
        )
    many = [{"StandardsArn": cis}] * 26
    assert code(hub.batch_enable_standards, StandardsSubscriptionRequests=many) == "InvalidInputException"
    arns = [made["StandardsSubscriptionArn"]]
    assert arns == [
        f"arn:aws:securityhub:eu-west-1:{account}:subscription/cis-aws-foundations-benchmark/v/5.0.0"
    ]
    hub.batch_disable_standards(StandardsSubscriptionArns=arns)
    assert enabled(hub) == set()
    assert code(hub.batch_disable_standards, StandardsSubscriptionArns=arns) == "InvalidInputException"


def test_a_standard_takes_its_time_when_told_to(local: Local, account: str) -> None:
    local.door("POST", "transitions", {"account": account, "kind": "standards", "steps": 2})
    hub = local.client("securityhub", account)
    hub.enable_security_hub()
    told = [hub.get_enabled_standards()["StandardsSubscriptions"] for _ in range(3)]
    assert [{s["StandardsStatus"] for s in one} for one in told] == [{"PENDING"}, {"PENDING"}, {"READY"}]


def test_the_management_account_designates_the_administrator_per_region(local: Local, hubs: Hubs) -> None:
    admin = {"AccountId": local.admin, "Status": "ENABLED"}
    assert hubs.management.list_organization_admin_accounts()["AdminAccounts"] == [admin]
    other = local.client("securityhub", local.report["management"], "eu-central-1")
    assert other.list_organization_admin_accounts()["AdminAccounts"] == []
    assert hubs.admin.describe_hub()["HubArn"].endswith(f":{local.admin}:hub/default")
    organizations = local.client("organizations", local.report["management"])
    trusted = organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    assert "securityhub.amazonaws.com" in {one["ServicePrincipal"] for one in trusted}
    found = organizations.list_delegated_administrators(ServicePrincipal="securityhub.amazonaws.com")
    assert [one["Id"] for one in found["DelegatedAdministrators"]] == [local.admin]
    member = local.account()
    for wrong in (member, local.admin, "999999999999"):
        call = hubs.management.enable_organization_admin_account
        assert code(call, AdminAccountId=wrong) == "InvalidInputException"
    assert code(hubs.admin.list_organization_admin_accounts) == "InvalidAccessException"
    assert code(hubs.admin.disable_security_hub) == "InvalidInputException"
    hubs.management.disable_organization_admin_account(AdminAccountId=local.admin)
    assert code(hubs.admin.describe_organization_configuration) == "InvalidAccessException"


def test_a_role_needs_organizations_permissions_to_designate_the_administrator(local: Local) -> None:
    management = local.report["management"]
    hub = local.client(
        "securityhub",
        session(local, management, {"Action": "securityhub:*", "Resource": "*"}, name="lacking"),
        "eu-central-1",
    )
    with pytest.raises(ClientError) as caught:
        hub.enable_organization_admin_account(AdminAccountId=local.admin)
    assert "organizations:DescribeOrganization" in refusal(caught)[1]


def test_what_new_accounts_get_is_the_administrators_to_say(local: Local, hubs: Hubs) -> None:
    told = hubs.admin.describe_organization_configuration()
    assert (told["AutoEnable"], told["AutoEnableStandards"]) == (False, "DEFAULT")
    assert told["OrganizationConfiguration"] == {"ConfigurationType": "LOCAL", "Status": "ENABLED"}
    before = local.account(role=False)
    hubs.admin.update_organization_configuration(AutoEnable=True, AutoEnableStandards="NONE")
    after = local.account(role=False)
    assert hubs.members() == {after: "Enabled"}
    assert enabled(hubs.of(after)) == set()
    assert code(hubs.of(before).describe_hub) == "InvalidAccessException"
    hubs.admin.update_organization_configuration(AutoEnable=True, AutoEnableStandards="DEFAULT")
    assert len(enabled(hubs.of(local.account(role=False)))) == 2
    with pytest.raises(ClientError) as caught:
        hubs.of(after).describe_organization_configuration()
    assert refusal(caught)[1] == f"Account {after} is not an administrator for this organization"


def test_central_and_declarative_governance_take_the_settings_away(local: Local, hubs: Hubs) -> None:
    member, free = local.account(ou="/Ruled", role=False), local.account(ou="/Ruled", role=False)
    parent = local.client("organizations", local.admin).list_parents(ChildId=member)["Parents"][0]["Id"]
    hubs.admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
    ruled = {"target": parent, "type": "APPLIED", "status": "SUCCESS", "policy": "policy-1"}
    own = {
        "target": free,
        "type": "APPLIED",
        "status": "FAILED",
        "policy": "SELF_MANAGED_SECURITY_HUB",
        "message": "why",
    }
    hubs.govern(type="CENTRAL", associations=[ruled, own])
    told = hubs.admin.describe_organization_configuration()
    assert told["OrganizationConfiguration"] == {"ConfigurationType": "CENTRAL", "Status": "ENABLED"}
    assert (told["AutoEnable"], told["AutoEnableStandards"]) == (False, "NONE")
    assert code(hubs.admin.update_organization_configuration, AutoEnable=True) == "InvalidInputException"
    pages = hubs.admin.get_paginator("list_configuration_policy_associations").paginate(
        PaginationConfig={"PageSize": 1}
    )
    found = [one for page in pages for one in page["ConfigurationPolicyAssociationSummaries"]]
    assert [(one["TargetId"], one["TargetType"], one["AssociationStatus"]) for one in found] == [
        (parent, "ORGANIZATIONAL_UNIT", "SUCCESS"),
        (free, "ACCOUNT", "FAILED"),
    ]
    assert found[1]["AssociationStatusMessage"] == "why"
    assert code(hubs.of(member).enable_security_hub) == "AccessDeniedException"
    hubs.of(free).enable_security_hub()
    hubs.govern(type="DECLARATIVE")
    told = hubs.admin.describe_organization_configuration()["OrganizationConfiguration"]
    assert told["Status"] == "DISABLED"
    assert code(hubs.admin.update_organization_configuration, AutoEnable=False) == "AccessDeniedException"
    hubs.govern(type="LOCAL")
    hubs.admin.update_organization_configuration(AutoEnable=False)
    assert code(hubs.admin.list_configuration_policy_associations) == "InvalidAccessException"


def test_members_are_made_and_what_is_left_out_is_told(local: Local, hubs: Hubs) -> None:
    plain, own, closed = (local.account(role=False) for _ in range(3))
    hubs.of(own).enable_security_hub(EnableDefaultStandards=False)
    local.door("POST", "accounts", {"account": closed, "state": "SUSPENDED"})
    management, stranger = local.report["management"], "999999999999"
    left = {
        one["AccountId"]: one["ProcessingResult"]
        for one in hubs.add(plain, own, closed, management, stranger)
    }
    assert left.keys() == {closed, management, stranger}
    assert "suspended" in left[closed]
    assert "not a member of the organization" in left[stranger]
    assert hubs.members() == {plain: "Enabled", own: "Enabled"}
    assert hubs.members(OnlyAssociated=False) == {
        plain: "Enabled",
        own: "Enabled",
        closed: "AccountSuspended",
    }
    assert (len(enabled(hubs.of(plain))), enabled(hubs.of(own))) == (2, set())
    (again,) = hubs.add(plain)
    assert "already a member" in again["ProcessingResult"]
    told = hubs.of(plain).get_administrator_account()["Administrator"]
    assert (told["AccountId"], told["MemberStatus"]) == (local.admin, "Enabled")
    assert code(hubs.of(plain).disable_security_hub) == "InvalidInputException"
    assert (
        code(hubs.of(plain).create_finding_aggregator, RegionLinkingMode="ALL_REGIONS")
        == "InvalidInputException"
    )
    hubs.admin.disassociate_members(AccountIds=[plain])
    assert hubs.members(OnlyAssociated=False)[plain] == "Removed"
    (kept,) = hubs.admin.delete_members(AccountIds=[plain])["UnprocessedAccounts"]
    assert "belongs to the organization" in kept["ProcessingResult"]
    assert "Administrator" not in hubs.of(plain).get_administrator_account()
    hubs.of(plain).disable_security_hub()
    assert hubs.add(plain) == []
    assert (
        code(hubs.of(own).create_members, AccountDetails=[{"AccountId": plain}]) == "InvalidAccessException"
    )


def test_members_come_by_fifty(local: Local, hubs: Hubs) -> None:
    made = [local.account(role=False) for _ in range(51)]
    details = [{"AccountId": account} for account in made]
    assert code(hubs.admin.create_members, AccountDetails=details) == "InvalidInputException"
    assert (hubs.add(*made[:50]), hubs.add(made[50])) == ([], [])
    first = hubs.admin.list_members()
    assert (len(first["Members"]), len(hubs.members())) == (50, 51)
    assert code(hubs.admin.list_members, MaxResults=51) != ""


def test_accounts_are_left_unprocessed_on_order(local: Local, hubs: Hubs) -> None:
    account = local.account(role=False)
    order = {"service": "securityhub", "account": account, "times": 2, "reason": "try again"}
    assert local.door("POST", "unprocessed", order)[0] == 200
    left = [{"AccountId": account, "ProcessingResult": "try again"}]
    assert [hubs.add(account) for _ in range(3)] == [left, left, []]
    assert local.door("POST", "unprocessed", {**order, "service": "none"})[0] == 400


def test_findings_are_aggregated_in_one_region(local: Local, hubs: Hubs) -> None:
    made = hubs.admin.create_finding_aggregator(
        RegionLinkingMode="SPECIFIED_REGIONS", Regions=["us-east-1", "eu-central-1"]
    )
    arn = made["FindingAggregatorArn"]
    abroad = local.client("securityhub", local.admin)
    assert abroad.list_finding_aggregators()["FindingAggregators"] == [{"FindingAggregatorArn": arn}]
    told = abroad.get_finding_aggregator(FindingAggregatorArn=arn)
    assert (told["FindingAggregationRegion"], told["Regions"]) == ("eu-west-1", ["us-east-1", "eu-central-1"])
    for hub in (hubs.admin, abroad):
        assert code(hub.create_finding_aggregator, RegionLinkingMode="ALL_REGIONS") == "InvalidInputException"
    change = hubs.admin.update_finding_aggregator
    for wrong in (
        {"RegionLinkingMode": "NO_REGIONS", "Regions": ["us-east-1"]},
        {"RegionLinkingMode": "SPECIFIED_REGIONS"},
        {"RegionLinkingMode": "SPECIFIED_REGIONS", "Regions": ["eu-west-1"]},
        {"RegionLinkingMode": "SOME"},
    ):
        assert code(change, FindingAggregatorArn=arn, **wrong) == "InvalidInputException"
    assert code(abroad.delete_finding_aggregator, FindingAggregatorArn=arn) == "InvalidInputException"
    change(FindingAggregatorArn=arn, RegionLinkingMode="ALL_REGIONS")
    told = hubs.admin.get_finding_aggregator(FindingAggregatorArn=arn)
    assert (told["RegionLinkingMode"], "Regions" in told) == ("ALL_REGIONS", False)
    hubs.admin.delete_finding_aggregator(FindingAggregatorArn=arn)
    assert code(hubs.admin.get_finding_aggregator, FindingAggregatorArn=arn) == "ResourceNotFoundException"


def test_roles_are_held_to_what_they_may(local: Local, account: str) -> None:
    may = {"Action": ["securityhub:DescribeHub", "securityhub:GetFindingAggregator"]}
    resource = f"arn:aws:securityhub:us-east-1:{account}:hub/default"
    hub = local.client("securityhub", session(local, account, {**may, "Resource": resource}))
    local.client("securityhub", account).enable_security_hub()
    assert hub.describe_hub()["HubArn"] == resource
    aggregator = resource.replace("hub/default", "finding-aggregator/x")
    for call, given in (
        ("enable_security_hub", {}),
        ("create_finding_aggregator", {"RegionLinkingMode": "ALL_REGIONS"}),
        ("get_finding_aggregator", {"FindingAggregatorArn": aggregator}),
    ):
        assert code(getattr(hub, call), **given) == "AccessDeniedException"


def test_the_inventory_tells_the_hub_and_the_organization(local: Local, hubs: Hubs) -> None:
    def inventory(who: str) -> dict[str, Any]:
        return local.door("POST", "inventory", {"account": who})[1]

    account = local.account(role=False)
    before = inventory(local.admin)
    hubs.add(account)
    member = inventory(account)
    assert member["securityhub/eu-west-1/hub"]["generator"] == "SECURITY_CONTROL"
    assert f"securityhub/eu-west-1/standards/{OLD_CIS}" in member
    after = inventory(local.admin)
    assert after.pop(f"securityhub/eu-west-1/members/{account}") == "Enabled"
    assert json.dumps(after) == json.dumps(before)
    assert before["securityhub/eu-west-1/organization"]["AutoEnable"] is False
    management = inventory(local.report["management"])
    assert management["securityhub/eu-west-1/administrator"] == local.admin
    service = "securityhub.amazonaws.com"
    assert management[f"organizations/global/services/{service}"] == "enabled"
    assert management[f"organizations/global/administrators/{service}/{local.admin}"] == "enabled"
    assert management[f"organizations/global/accounts/{account}"]["state"] == "ACTIVE"
    hubs.admin.disassociate_members(AccountIds=[account])
    assert inventory(local.admin) == before
