"""When users, passwords, keys and certificates of IAM were made and used, and when they expire."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import certificate
from test_identity import refusal


def _age(moment: datetime | str) -> int:
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return (datetime.now(UTC) - moment).days


def _stage(local: Local, account: str, **order: Any) -> None:
    status, answer = local.door("POST", "iam-age", {"account": account, **order})
    assert status == 200, answer


def test_a_login_profile_has_a_date_of_its_own(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.create_user(UserName="u")
    _stage(local, account, user="u", created_days=300)
    made = iam.create_login_profile(UserName="u", Password="Correct-Horse-7", PasswordResetRequired=True)
    assert made["LoginProfile"]["PasswordResetRequired"] is True
    assert _age(made["LoginProfile"]["CreateDate"]) == 0
    _stage(local, account, user="u", login_profile_created_days=100)
    told = iam.get_login_profile(UserName="u")["LoginProfile"]
    assert (_age(told["CreateDate"]), told["PasswordResetRequired"]) == (100, True)
    iam.update_login_profile(UserName="u", PasswordResetRequired=False)
    told = iam.get_login_profile(UserName="u")["LoginProfile"]
    assert (_age(told["CreateDate"]), told["PasswordResetRequired"]) == (100, False)
    iam.delete_login_profile(UserName="u")
    with pytest.raises(ClientError) as caught:
        iam.get_login_profile(UserName="u")
    assert refusal(caught)[0] == "NoSuchEntity"


def test_an_unused_password_and_an_unused_key_have_no_last_use(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.create_user(UserName="u")
    iam.create_login_profile(UserName="u", Password="Correct-Horse-7")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    assert "PasswordLastUsed" not in iam.get_user(UserName="u")["User"]
    assert "PasswordLastUsed" not in iam.list_users()["Users"][0]
    used = iam.get_access_key_last_used(AccessKeyId=key)
    assert used["UserName"] == "u"
    assert used["AccessKeyLastUsed"] == {"Region": "N/A", "ServiceName": "N/A"}


def test_the_last_use_of_a_key_tells_where_and_for_what(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    used = {"last_used_days": 91, "last_used_service": "sts", "last_used_region": "eu-west-1"}
    _stage(local, account, user="u", keys={key: used})
    told = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert (_age(told["LastUsedDate"]), told["ServiceName"], told["Region"]) == (91, "sts", "eu-west-1")


def test_the_use_of_another_accounts_key_is_not_told(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    with pytest.raises(ClientError) as caught:
        local.client("iam", local.account()).get_access_key_last_used(AccessKeyId=key)
    assert refusal(caught)[0] == "AccessDenied"


def test_a_certificate_tells_its_own_date_of_expiry(local: Local, account: str, tmp_path: Path) -> None:
    iam, (body, key) = local.client("iam", account), certificate(tmp_path, 30)
    uploaded = iam.upload_server_certificate(
        ServerCertificateName="c", Path="/web/", CertificateBody=body, PrivateKey=key
    )["ServerCertificateMetadata"]
    got = iam.get_server_certificate(ServerCertificateName="c")["ServerCertificate"]
    [listed] = iam.list_server_certificates(PathPrefix="/web/")["ServerCertificateMetadataList"]
    assert uploaded == got["ServerCertificateMetadata"] == listed
    assert listed["Arn"] == f"arn:aws:iam::{account}:server-certificate/web/c"
    assert listed["ServerCertificateId"].startswith("ASCA")
    assert timedelta(days=29) < listed["Expiration"] - datetime.now(UTC) <= timedelta(days=30)
    assert _age(listed["UploadDate"]) == 0
    assert iam.list_server_certificates(PathPrefix="/other/")["ServerCertificateMetadataList"] == []


def test_an_expired_certificate_can_be_staged(local: Local, account: str, tmp_path: Path) -> None:
    iam, (body, key) = local.client("iam", account), certificate(tmp_path, 30)
    iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=body, PrivateKey=key)
    _stage(local, account, certificates={"c": {"expires_in_days": -3, "uploaded_days": 400}})
    [listed] = iam.list_server_certificates()["ServerCertificateMetadataList"]
    assert (_age(listed["Expiration"]), _age(listed["UploadDate"])) == (3, 400)


def test_a_certificate_must_be_one_and_have_a_name_of_its_own(
    local: Local, account: str, tmp_path: Path
) -> None:
    iam, (body, key) = local.client("iam", account), certificate(tmp_path, 30)
    with pytest.raises(ClientError) as caught:
        iam.upload_server_certificate(ServerCertificateName="c", CertificateBody="no", PrivateKey="no")
    assert refusal(caught)[0] == "MalformedCertificate"
    iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=body, PrivateKey=key)
    with pytest.raises(ClientError) as caught:
        iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=body, PrivateKey=key)
    assert refusal(caught)[0] == "EntityAlreadyExists"


def test_unknown_ages_are_refused(local: Local, account: str) -> None:
    status, answer = local.door("POST", "iam-age", {"account": account, "nonsense_days": 3})
    assert status == 400
    assert "nonsense_days" in answer["error"]


def _report(local: Local, account: str) -> dict[str, dict[str, str]]:
    iam = local.client("iam", account)
    iam.generate_credential_report()
    told = iam.get_credential_report()
    assert _age(told["GeneratedTime"]) == 0
    return {row["user"]: row for row in csv.DictReader(io.StringIO(told["Content"].decode()))}


def test_a_report_must_be_generated_first(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    with pytest.raises(ClientError) as caught:
        iam.get_credential_report()
    assert refusal(caught)[0] == "ReportNotPresent"
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"


def test_the_report_tells_what_users_have_and_when_it_was_used(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.update_account_password_policy(MaxPasswordAge=90)
    iam.create_user(UserName="with", Path="/people/")
    iam.create_login_profile(UserName="with", Password="Correct-Horse-7")
    first, second = (iam.create_access_key(UserName="with")["AccessKey"]["AccessKeyId"] for _ in range(2))
    iam.update_access_key(UserName="with", AccessKeyId=second, Status="Inactive")
    iam.create_user(UserName="without")
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="d")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName="without", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    ages = {"created_days": 400, "login_profile_created_days": 60, "password_last_used_days": 50}
    used = {"created_days": 120, "last_used_days": 10, "last_used_service": "ec2"}
    _stage(local, account, user="with", **ages, keys={first: used})
    rows = _report(local, account)
    row = rows["with"]
    assert row["arn"] == f"arn:aws:iam::{account}:user/people/with"
    assert [_age(row[c]) for c in ("user_creation_time", "password_last_changed", "password_last_used")] == [
        400,
        60,
        50,
    ]
    assert -_age(row["password_next_rotation"]) in (30, 29)
    assert (row["password_enabled"], row["mfa_active"]) == ("true", "false")
    assert (_age(row["access_key_1_last_rotated"]), _age(row["access_key_1_last_used_date"])) == (120, 10)
    assert (row["access_key_1_last_used_service"], row["access_key_1_last_used_region"]) == (
        "ec2",
        "us-east-1",
    )
    assert (row["access_key_1_active"], row["access_key_2_active"]) == ("true", "false")
    assert (row["access_key_2_last_used_date"], row["cert_1_active"]) == ("N/A", "false")
    without = rows["without"]
    assert (without["mfa_active"], without["password_enabled"]) == ("true", "false")
    assert {without[f"password_{c}"] for c in ("last_used", "last_changed", "next_rotation")} == {"N/A"}


def test_the_report_tells_the_root_user_as_it_was_staged(local: Local, account: str) -> None:
    root = _report(local, account)["<root_account>"]
    assert root["arn"] == f"arn:aws:iam::{account}:root"
    assert [root[c] for c in ("mfa_active", "access_key_1_active", "access_key_2_active")] == ["false"] * 3
    local.door(
        "POST", "account-summary", {"account": account, "AccountMFAEnabled": 1, "AccountAccessKeysPresent": 1}
    )
    root = _report(local, account)["<root_account>"]
    assert [root[c] for c in ("mfa_active", "access_key_1_active", "access_key_2_active")] == [
        "true",
        "true",
        "false",
    ]
    summary = local.client("iam", account).get_account_summary()["SummaryMap"]
    assert (summary["AccountMFAEnabled"], summary["AccountAccessKeysPresent"]) == (1, 1)
