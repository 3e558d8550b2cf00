"""A scanner's command line with no network but loopback; run by the Python of the scanner's environment.

    python loopback.py prowler.__main__:prowler aws ...

S3 Control puts the account before the host (`300000000001.127.0.0.1`), which no resolver knows: such names
lead to the address behind the account. Every other name is refused before it is looked up.
"""

from __future__ import annotations

import importlib
import ipaddress
import re
import socket
import sys
from typing import Any

# Prowler reads more of a service than a check needs. No check of ours needs these, and moto lacks them (or,
# of a bucket without a setting of its own, the encryption which every bucket has).
NEEDLESS = {
    "ec2:DescribeClientVpnEndpoints",
    "ec2:GetImageBlockPublicAccessState",
    "ec2:GetInstanceMetadataDefaults",
    "ec2:GetSnapshotBlockPublicAccessState",
    "iam:GenerateServiceLastAccessedDetails",
    "iam:ListOrganizationsFeatures",
    "iam:ListServiceSpecificCredentials",
    "rds:DescribeCertificates",
    "rds:DescribeDBEngineVersions",
    "s3:GetBucketEncryption",
}

_ACCOUNT_PREFIX = re.compile(r"^\d{12}\.")
_resolve = socket.getaddrinfo


class NotAskedError(Exception):
    """Prowler puts this name into its log; `scan.py` looks for it there."""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def getaddrinfo(host: str | bytes | None, *rest: Any, **options: Any) -> list[Any]:
    """Look up names of this machine only."""
    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    name = _ACCOUNT_PREFIX.sub("", name)
    if not _is_loopback(name):
        raise socket.gaierror(socket.EAI_FAIL, f"only loopback may be reached, not {name}")
    return _resolve(name, *rest, **options)


def _leave_out_needless_calls() -> None:
    from botocore.client import BaseClient  # noqa: PLC0415

    make_api_call = BaseClient._make_api_call

    def make_needed_call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        name = f"{self.meta.service_model.service_name}:{operation}"
        if name in NEEDLESS:
            raise NotAskedError(name)
        return make_api_call(self, operation, parameters)

    BaseClient._make_api_call = make_needed_call


def main() -> None:
    """Start the scanner at the entry that is given first, as its own script does."""
    socket.getaddrinfo = getaddrinfo
    _leave_out_needless_calls()
    module, start = sys.argv.pop(1).split(":")
    sys.exit(getattr(importlib.import_module(module), start)())


if __name__ == "__main__":
    main()
