"""Config's recorders and delivery channels: what moto does otherwise.

- A recorder without a name is refused; on AWS it is called `default`, as is a channel.
- Roles, buckets and topics need not be there, nor let Config in. Keys are not looked at here either.
- The mode of recording is forgotten, ARNs are not told, and a recorder stays pending.
- DescribeDeliveryChannelStatus is not there.
"""

from __future__ import annotations

import json
from typing import Any

from moto.config.models import ConfigBackend
from moto.config.responses import ConfigResponse
from moto.core.exceptions import JsonRESTError
from moto.sns.models import sns_backends

from localaws import recorders
from localaws.moto import grants

_SERVICE = "config.amazonaws.com"
_CONTINUOUS = {"recordingFrequency": "CONTINUOUS"}
_FREQUENCIES = frozenset({"CONTINUOUS", "DAILY"})


def _check_role(arn: str, source: str, account: str) -> None:
    role = grants.role_named(arn) if arn.split(":")[4:5] == [account] else None
    if role is None or not grants.role_lets(role, _SERVICE, source, account):
        raise JsonRESTError(
            "InvalidRoleException", f"The role ARN '{arn}' is not valid, or Config cannot assume the role."
        )


def _put_recorders_like_aws() -> None:
    put = ConfigBackend.put_configuration_recorder

    def put_configuration_recorder(self: ConfigBackend, config_recorder: dict[str, Any]) -> None:
        recorder = {"name": "default", **config_recorder}
        mode = recorder.get("recordingMode") or {}
        if mode and mode.get("recordingFrequency") not in _FREQUENCIES:
            raise JsonRESTError(
                "ValidationException", "recordingMode.recordingFrequency failed to satisfy constraint"
            )
        arn = recorders.arn_of(self.account_id, self.region_name, recorder["name"])
        _check_role(recorder.get("roleARN") or "", arn, self.account_id)
        put(self, recorder)
        told = {"arn": arn, "recordingMode": mode or _CONTINUOUS, "recordingScope": "PAID"}
        self.recorders[recorder["name"]].told = told

    ConfigBackend.put_configuration_recorder = put_configuration_recorder


def _tell_recorders_whole() -> None:
    describe = ConfigBackend.describe_configuration_recorders
    describe_status = ConfigBackend.describe_configuration_recorder_status

    def describe_configuration_recorders(
        self: ConfigBackend, recorder_names: list[str] | None
    ) -> list[dict[str, Any]]:
        return [{**r, **self.recorders[r["name"]].told} for r in describe(self, recorder_names)]

    def describe_configuration_recorder_status(
        self: ConfigBackend, recorder_names: list[str]
    ) -> list[dict[str, Any]]:
        told = []
        for status in describe_status(self, recorder_names):
            done = {"lastStatus": "SUCCESS"} if status.get("lastStatus") == "PENDING" else {}
            told.append({**status, **done, "arn": self.recorders[status["name"]].told["arn"]})
        return told

    ConfigBackend.describe_configuration_recorders = describe_configuration_recorders
    ConfigBackend.describe_configuration_recorder_status = describe_configuration_recorder_status


def _check_bucket(backend: ConfigBackend, channel: dict[str, Any]) -> None:
    """Config writes in its own name with its service-linked role, else with the role of the recorder."""
    name, account = channel["s3BucketName"], backend.account_id
    bucket = grants.bucket_named(name)
    if bucket is None:
        raise JsonRESTError("NoSuchBucketException", f"Cannot find a S3 bucket with the name '{name}'.")
    prefix = f"{channel['s3KeyPrefix']}/" if channel.get("s3KeyPrefix") else ""
    key = f"{prefix}AWSLogs/{account}/Config/ConfigWritabilityCheckFile"
    recorder = next(iter(backend.recorders.values()))
    source = recorder.told["arn"]
    role = grants.role_named(recorder.role_arn)
    own = role is not None and bucket.account_id == account
    if own and grants.role_may(role, "s3:PutObject", f"{bucket.arn}/{key}"):
        return
    if grants.bucket_lets(bucket, _SERVICE, "s3:PutObject", source, account, key) and grants.bucket_lets(
        bucket, _SERVICE, "s3:GetBucketAcl", source, account
    ):
        return
    raise JsonRESTError(
        "InsufficientDeliveryPolicyException",
        f"Insufficient delivery policy to s3 bucket: {name}, unable to write to bucket, provided s3 key "
        f"prefix is '{channel.get('s3KeyPrefix')}', provided kms key is '{channel.get('s3KmsKeyArn')}'.",
    )


def _check_topic(arn: str | None) -> None:
    if not arn:
        return
    parts = arn.split(":")
    if len(parts) != 6 or arn not in sns_backends[parts[4]][parts[3]].topics:
        raise JsonRESTError("InvalidSNSTopicARNException", f"The sns topic arn '{arn}' is not valid.")


def _put_channels_like_aws() -> None:
    put = ConfigBackend.put_delivery_channel

    def put_delivery_channel(self: ConfigBackend, delivery_channel: dict[str, Any]) -> None:
        channel = {"name": "default", **delivery_channel}
        before = dict(self.delivery_channels)
        put(self, channel)
        try:
            _check_bucket(self, channel)
            _check_topic(channel.get("snsTopicARN"))
        except JsonRESTError:
            self.delivery_channels = before
            raise

    ConfigBackend.put_delivery_channel = put_delivery_channel


def describe_delivery_channel_status(self: ConfigResponse) -> str:
    """Of channels which delivered what there was."""
    channels = self.config_backend.describe_delivery_channels(self._get_param("DeliveryChannelNames"))
    recording = any(r.status.recording for r in self.config_backend.recorders.values())
    info = {"lastStatus": "SUCCESS" if recording else "NOT_APPLICABLE"}
    kinds = ("configHistoryDeliveryInfo", "configSnapshotDeliveryInfo", "configStreamDeliveryInfo")
    told = [{"name": channel["name"], **dict.fromkeys(kinds, info)} for channel in channels]
    return json.dumps({"DeliveryChannelsStatus": told})


def apply() -> None:
    """Mend it."""
    _put_recorders_like_aws()
    _tell_recorders_whole()
    _put_channels_like_aws()
    ConfigResponse.describe_delivery_channel_status = describe_delivery_channel_status
