"""The accounts of the local organization: fixed ids, so that logs and failures read the same in every run."""

from __future__ import annotations

from dataclasses import dataclass, field

REGION = "us-east-1"
MANAGEMENT = "100000000000"
ADMIN = "200000000000"
ORGANIZATION = "o-localredress"
ROOT = "r-root"
EXTERNAL_ID = "redress-local-external-id"
MEMBER_ROLE = "RedressMemberRole"
ACCESS_ROLE = "OrganizationAccountAccessRole"


def member_id(index: int) -> str:
    """The account id of the index-th member, counted from 1."""
    return str(300000000000 + index)


@dataclass
class World:
    """Who is who, and where the two emulators listen."""

    port: int
    moto_port: int
    admin: str = ADMIN
    management: str = MANAGEMENT
    organization: str = ORGANIZATION
    external_id: str = EXTERNAL_ID
    region: str = REGION
    members: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """The one address that clients are given."""
        return f"http://127.0.0.1:{self.port}"
