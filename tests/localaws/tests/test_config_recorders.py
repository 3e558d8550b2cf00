"""Config's recorders and delivery channels in a member account."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from recording import bucket_of, recorder_of
from roles import session, trust
from test_identity import refusal


def _code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)[0]


def test_a_recorder_is_put_started_stopped_and_deleted(local: Local, account: str) -> None:
    config, recorder = local.client("config", account), recorder_of(local, account)
    assert config.describe_configuration_recorders()["ConfigurationRecorders"] == []
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    [told] = config.describe_configuration_recorders()["ConfigurationRecorders"]
    assert (told["name"], told["roleARN"]) == ("default", recorder["roleARN"])
    assert told["recordingGroup"].items() >= recorder["recordingGroup"].items()
    assert told["recordingMode"] == {"recordingFrequency": "CONTINUOUS"}
    named = {"ConfigurationRecorderName": "default"}
    assert _code(config.start_configuration_recorder, **named) == "NoAvailableDeliveryChannelException"
    channel = {"name": "default", "s3BucketName": bucket_of(local, account)}
    config.put_delivery_channel(DeliveryChannel=channel)
    assert config.describe_delivery_channels()["DeliveryChannels"] == [channel]
    config.start_configuration_recorder(**named)
    [status] = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    assert (status["recording"], status["lastStatus"], status["arn"]) == (True, "SUCCESS", told["arn"])
    [delivered] = config.describe_delivery_channel_status()["DeliveryChannelsStatus"]
    assert delivered["configHistoryDeliveryInfo"] == {"lastStatus": "SUCCESS"}
    deleted = {"DeliveryChannelName": "default"}
    assert _code(config.delete_delivery_channel, **deleted) == "LastDeliveryChannelDeleteFailedException"
    config.stop_configuration_recorder(**named)
    [status] = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    assert status["recording"] is False
    config.delete_delivery_channel(**deleted)
    config.delete_configuration_recorder(**named)
    for call in (config.start_configuration_recorder, config.delete_configuration_recorder):
        assert _code(call, **named) == "NoSuchConfigurationRecorderException"
    assert _code(config.delete_delivery_channel, **deleted) == "NoSuchDeliveryChannelException"


def test_a_change_of_a_recorder_does_not_stop_it(local: Local, account: str) -> None:
    config = local.client("config", account)
    config.put_configuration_recorder(ConfigurationRecorder=recorder_of(local, account))
    config.put_delivery_channel(DeliveryChannel={"name": "c", "s3BucketName": bucket_of(local, account)})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    daily = {"recordingFrequency": "DAILY"}
    config.put_configuration_recorder(ConfigurationRecorder=recorder_of(local, account, recordingMode=daily))
    [status] = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    [told] = config.describe_configuration_recorders()["ConfigurationRecorders"]
    assert (status["recording"], told["recordingMode"]) == (True, daily)


def test_a_region_has_one_recorder_and_one_channel(local: Local, account: str) -> None:
    config, bucket = local.client("config", account), bucket_of(local, account)
    channel = {"name": "one", "s3BucketName": bucket}
    assert _code(config.put_delivery_channel, DeliveryChannel=channel) == (
        "NoAvailableConfigurationRecorderException"
    )
    config.put_configuration_recorder(ConfigurationRecorder=recorder_of(local, account))
    another = recorder_of(local, account, name="another")
    assert _code(config.put_configuration_recorder, ConfigurationRecorder=another) == (
        "MaxNumberOfConfigurationRecordersExceededException"
    )
    config.put_delivery_channel(DeliveryChannel=channel)
    assert _code(config.put_delivery_channel, DeliveryChannel={**channel, "name": "two"}) == (
        "MaxNumberOfDeliveryChannelsExceededException"
    )
    elsewhere = local.client("config", account, "eu-west-1")
    assert elsewhere.describe_configuration_recorders()["ConfigurationRecorders"] == []


def test_the_role_of_a_recorder_lets_config_in(local: Local, account: str) -> None:
    config, iam = local.client("config", account), local.client("iam", account)
    other = iam.create_role(RoleName="other", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    for role in (other, other.replace("other", "missing")):
        recorder = recorder_of(local, account, roleARN=role)
        code = _code(config.put_configuration_recorder, ConfigurationRecorder=recorder)
        assert code == "InvalidRoleException"


def test_the_bucket_of_a_channel_lets_config_write(local: Local, account: str) -> None:
    config, bucket = local.client("config", account), bucket_of(local, account)
    config.put_configuration_recorder(ConfigurationRecorder=recorder_of(local, account))
    put, topic = config.put_delivery_channel, f"arn:aws:sns:us-east-1:{account}:no"
    for channel, code in (
        ({"s3BucketName": f"missing-{account}"}, "NoSuchBucketException"),
        ({"s3BucketName": bucket, "s3KeyPrefix": "elsewhere"}, "InsufficientDeliveryPolicyException"),
        ({"s3BucketName": bucket, "snsTopicARN": topic}, "InvalidSNSTopicARNException"),
    ):
        assert _code(put, DeliveryChannel={"name": "default", **channel}) == code
    assert config.describe_delivery_channels()["DeliveryChannels"] == []
    local.client("s3", account).delete_bucket_policy(Bucket=bucket)
    assert _code(put, DeliveryChannel={"name": "default", "s3BucketName": bucket}) == (
        "InsufficientDeliveryPolicyException"
    )


def test_recorders_are_allowed_by_their_arn_and_roles_are_passed(local: Local, account: str) -> None:
    recorder = recorder_of(local, account)
    passes = {"StringEquals": {"iam:PassedToService": "config.amazonaws.com"}}
    recorders = f"arn:aws:config:us-east-1:{account}:configuration-recorder/*"
    statements: list[dict[str, Any]] = [
        {"Action": ["config:PutConfigurationRecorder", "config:DescribeDeliveryChannels"], "Resource": "*"},
        {"Action": "config:DescribeConfigurationRecorder*", "Resource": recorders},
    ]
    without = local.client("config", session(local, account, *statements, name="without"))
    with pytest.raises(ClientError) as caught:
        without.put_configuration_recorder(ConfigurationRecorder=recorder)
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert f"iam:PassRole on resource: {recorder['roleARN']}" in message
    statements.append({"Action": "iam:PassRole", "Resource": recorder["roleARN"], "Condition": passes})
    config = local.client("config", session(local, account, *statements, name="with"))
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    assert len(config.describe_configuration_recorders()["ConfigurationRecorders"]) == 1
    assert config.describe_configuration_recorder_status(ConfigurationRecorderNames=["default"])
    assert config.describe_delivery_channels()["DeliveryChannels"] == []
    named = {"ConfigurationRecorderName": "default"}
    assert _code(config.start_configuration_recorder, **named) == "AccessDeniedException"
