"""A role with a policy of the test's own, and certificates."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from conftest import Credentials, Local

SUPPORT = "arn:aws:iam::aws:policy/AWSSupportAccess"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]})


ANYTHING = document({"Action": "*", "Resource": "*"})


def trust(service: str = "ec2.amazonaws.com") -> str:
    return document({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def session(local: Local, account: str, *statements: dict[str, Any], name: str = "tester") -> Credentials:
    """A session of a new role of the account that may do what the statements say."""
    iam = local.client("iam", account)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return local.assume(account, role)


def certificate(directory: Path, days: int) -> tuple[str, str]:
    """A certificate that expires in so many days, and its key."""
    key, body = directory / "key.pem", directory / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=example.com"]
    command += ["-days", str(days), "-keyout", str(key), "-out", str(body)]
    subprocess.run(command, check=True, capture_output=True)
    return body.read_text(), key.read_text()
