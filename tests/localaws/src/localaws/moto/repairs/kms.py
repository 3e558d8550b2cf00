"""KMS: what moto does otherwise.

- Every key can rotate; on AWS only symmetric ones with key material of KMS.
- The rotation period is not kept.
- A key made without a usage, or without saying that it is for one region, has neither in its description.
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, KmsBackend
from moto.kms.responses import KmsResponse

_DEFAULT_PERIOD = 365


def _rotating(backend: KmsBackend, key_id: str) -> Key:
    """A key whose rotation may be changed."""
    key = backend.keys[backend.get_key_id(key_id)]
    if key.key_spec != "SYMMETRIC_DEFAULT" or key.origin != "AWS_KMS":
        raise JsonRESTError(
            "UnsupportedOperationException", f"{key.arn} does not support automatic rotation."
        )
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if key.key_state == "Disabled":
        raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
    return key


def enable_key_rotation(self: KmsResponse) -> str:
    key_id = self._get_param("KeyId")
    self._validate_cmk_id(key_id)
    period = self._get_param("RotationPeriodInDays") or _DEFAULT_PERIOD
    if not 90 <= period <= 2560:
        raise JsonRESTError("ValidationException", "RotationPeriodInDays must be between 90 and 2560")
    key = _rotating(self.kms_backend, key_id)
    key.key_rotation_status = True
    key.rotation_period = period
    return json.dumps(None)


def disable_key_rotation(self: KmsResponse) -> str:
    key_id = self._get_param("KeyId")
    self._validate_cmk_id(key_id)
    _rotating(self.kms_backend, key_id).key_rotation_status = False
    return json.dumps(None)


def get_key_rotation_status(self: KmsResponse) -> str:
    key_id = self._get_param("KeyId")
    self._validate_cmk_id(key_id)
    key = self.kms_backend.keys[self.kms_backend.get_key_id(key_id)]
    status = {"KeyId": key.id, "KeyRotationEnabled": key.key_rotation_status}
    if key.key_rotation_status:
        status["RotationPeriodInDays"] = getattr(key, "rotation_period", _DEFAULT_PERIOD)
    return json.dumps(status)


def _describe_defaults() -> None:
    describe = Key.to_dict

    def to_dict(self: Key) -> dict[str, Any]:
        told = describe(self)
        metadata = told["KeyMetadata"]
        metadata["KeyUsage"] = metadata["KeyUsage"] or "ENCRYPT_DECRYPT"
        metadata["MultiRegion"] = bool(metadata["MultiRegion"])
        return told

    Key.to_dict = to_dict


def apply() -> None:
    """Mend it."""
    _describe_defaults()
    KmsResponse.enable_key_rotation = enable_key_rotation
    KmsResponse.disable_key_rotation = disable_key_rotation
    KmsResponse.get_key_rotation_status = get_key_rotation_status
