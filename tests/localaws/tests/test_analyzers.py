"""Access Analyzer's analyzers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal


def _code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)[0]


def test_an_analyzer_is_made_told_and_deleted(local: Local, account: str) -> None:
    client = local.client("accessanalyzer", account)
    assert client.list_analyzers()["analyzers"] == []
    arn = client.create_analyzer(analyzerName="mine", type="ACCOUNT", tags={"a": "b"})["arn"]
    assert arn == f"arn:aws:access-analyzer:us-east-1:{account}:analyzer/mine"
    told = client.get_analyzer(analyzerName="mine")["analyzer"]
    assert (told["arn"], told["type"], told["status"], told["tags"]) == (arn, "ACCOUNT", "ACTIVE", {"a": "b"})
    assert client.list_analyzers(type="ACCOUNT")["analyzers"] == [told]
    assert client.list_analyzers(type="ORGANIZATION")["analyzers"] == []
    client.delete_analyzer(analyzerName="mine")
    for call in (client.get_analyzer, client.delete_analyzer):
        assert _code(call, analyzerName="mine") == "ResourceNotFoundException"


def test_analyzers_come_in_pages(local: Local, account: str) -> None:
    client = local.client("accessanalyzer", account)
    kinds = ["ACCOUNT", "ACCOUNT_UNUSED_ACCESS", "ACCOUNT_INTERNAL_ACCESS"]
    for number, kind in enumerate(kinds):
        client.create_analyzer(analyzerName=f"a{number}", type=kind)
    pages = client.get_paginator("list_analyzers").paginate(PaginationConfig={"PageSize": 2})
    assert [[a["type"] for a in page["analyzers"]] for page in pages] == [kinds[:2], kinds[2:]]


def test_a_name_is_taken_once_and_a_region_has_one_of_a_kind(local: Local, account: str) -> None:
    client = local.client("accessanalyzer", account)
    client.create_analyzer(analyzerName="mine", type="ACCOUNT")
    assert _code(client.create_analyzer, analyzerName="mine", type="ACCOUNT") == "ConflictException"
    assert _code(client.create_analyzer, analyzerName="more", type="ACCOUNT") == (
        "ServiceQuotaExceededException"
    )
    assert _code(client.create_analyzer, analyzerName="1", type="ACCOUNT") == "ValidationException"
    elsewhere = local.client("accessanalyzer", account, "eu-west-1")
    elsewhere.create_analyzer(analyzerName="mine", type="ACCOUNT")
    assert len(elsewhere.list_analyzers()["analyzers"]) == 1


def test_only_the_administrator_looks_at_the_organization(local: Local, account: str) -> None:
    member = local.client("accessanalyzer", account)
    assert _code(member.create_analyzer, analyzerName="all", type="ORGANIZATION") == "ValidationException"
    admin = local.client("accessanalyzer", local.admin, "eu-north-1")
    admin.create_analyzer(analyzerName="all", type="ORGANIZATION")
    assert [a["name"] for a in admin.list_analyzers(type="ORGANIZATION")["analyzers"]] == ["all"]


def test_analyzers_are_in_the_inventory(local: Local, account: str) -> None:
    local.client("accessanalyzer", account).create_analyzer(analyzerName="mine", type="ACCOUNT")
    status, found = local.door("POST", "inventory", {"account": account})
    assert status == 200, found
    assert "access-analyzer/us-east-1/analyzers/mine" in json.dumps(found)


def test_tags_of_an_analyzer_change(local: Local, account: str) -> None:
    client = local.client("accessanalyzer", account)
    arn = client.create_analyzer(analyzerName="mine", type="ACCOUNT")["arn"]
    client.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


def test_analyzers_are_allowed_by_name_and_the_first_needs_a_role(local: Local, account: str) -> None:
    arn = f"arn:aws:access-analyzer:*:{account}:analyzer"
    mine = session(
        local,
        account,
        {"Action": ["access-analyzer:CreateAnalyzer"], "Resource": f"{arn}/redress-*"},
        {"Action": "access-analyzer:ListAnalyzers", "Resource": "*"},
    )
    client = local.client("accessanalyzer", mine)
    assert client.list_analyzers()["analyzers"] == []
    made = {"analyzerName": "redress-a", "type": "ACCOUNT"}
    with pytest.raises(ClientError) as caught:
        client.create_analyzer(**made)
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert "iam:CreateServiceLinkedRole" in message
    local.client("iam", account).create_service_linked_role(AWSServiceName="access-analyzer.amazonaws.com")
    assert _code(client.create_analyzer, analyzerName="b", type="ACCOUNT") == "AccessDeniedException"
    client.create_analyzer(**made)
    assert _code(client.delete_analyzer, analyzerName="redress-a") == "AccessDeniedException"
