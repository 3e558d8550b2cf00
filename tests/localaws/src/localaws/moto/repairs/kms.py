"""KMS: what moto does otherwise.

- Every key can rotate; on AWS only symmetric ones with key material of KMS.
- The rotation period is not kept.
- A key made without a usage, or without saying that it is for one region, has neither in its description.
- Keys are enabled, disabled and scheduled for deletion by their ids only, and whatever state they are in.
- The keys that AWS makes for its services (alias/aws/...) count as a customer's, and do not rotate.
- A key policy is taken unread. Lists of keys and aliases are whole, whatever limit is asked for.
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.models import Alias, Key, KmsBackend
from moto.kms.responses import KmsResponse

from localaws.policy import as_list

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


def _change_states(operation: str, state: str | None) -> None:
    """Let an operation take ARNs, and refuse it in another state than `state` or, for None, in deletion."""
    change = getattr(KmsBackend, operation)

    def changed(self: KmsBackend, key_id: str, *values: Any) -> Any:
        key = self.keys[self.get_key_id(key_id)]
        if (key.key_state != state) if state else (key.key_state == "PendingDeletion"):
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is {key.key_state}.")
        return change(self, key.id, *values)

    setattr(KmsBackend, operation, changed)


def _read_policies() -> None:
    create, put = KmsBackend.create_key, KmsBackend.put_key_policy

    def check(policy: str | None) -> None:
        try:
            statements = [] if policy is None else json.loads(policy)["Statement"]
            well_formed = all("Principal" in statement for statement in as_list(statements))
        except (ValueError, KeyError, TypeError):
            well_formed = False
        if not well_formed:
            raise JsonRESTError("MalformedPolicyDocumentException", "The key policy is no policy.")

    def create_key(self: KmsBackend, policy: str | None, *values: Any, **named: Any) -> Key:
        check(policy)
        return create(self, policy, *values, **named)

    def put_key_policy(self: KmsBackend, key_id: str, policy: str) -> None:
        check(policy)
        put(self, key_id, policy)

    KmsBackend.create_key = create_key
    KmsBackend.put_key_policy = put_key_policy


def _manage_keys_of_services() -> None:
    create = KmsBackend.create_alias

    def create_alias(self: KmsBackend, target_key_id: str, alias_name: str) -> Alias:
        alias = create(self, target_key_id, alias_name)
        if alias_name.startswith("alias/aws/"):
            key = self.keys[self.get_key_id(target_key_id)]
            key.key_manager, key.key_rotation_status = "AWS", True
        return alias

    KmsBackend.create_alias = create_alias


def _page(operation: str, listed: str) -> None:
    whole = getattr(KmsResponse, operation)

    def paged(self: KmsResponse) -> str:
        items = json.loads(whole(self))[listed]
        start, size = int(self._get_param("Marker") or 0), self._get_param("Limit") or 50
        more = {"NextMarker": str(start + size)} if start + size < len(items) else {}
        return json.dumps({listed: items[start : start + size], "Truncated": bool(more), **more})

    setattr(KmsResponse, operation, paged)


def apply() -> None:
    """Mend it."""
    for operation, state in (
        ("cancel_key_deletion", "PendingDeletion"),
        ("disable_key", None),
        ("enable_key", None),
        ("schedule_key_deletion", None),
    ):
        _change_states(operation, state)
    _read_policies()
    _manage_keys_of_services()
    _page("list_aliases", "Aliases")
    _page("list_keys", "Keys")
    _describe_defaults()
    KmsResponse.enable_key_rotation = enable_key_rotation
    KmsResponse.disable_key_rotation = disable_key_rotation
    KmsResponse.get_key_rotation_status = get_key_rotation_status
