"""The service-linked roles that services make on behalf of who calls them.

The front says with a call which roles it needs; a call that is done has made those which were missing.
"""

from __future__ import annotations

import json

from moto.iam.models import iam_backends

from localaws import service_roles
from localaws.moto.wsgi import Environ, account_of


def make(account: str, principal: str) -> None:
    """Let an account have the role of a service's principal."""
    backend = iam_backends[account]["aws"]
    name = service_roles.path_of(principal).rpartition("/")[2]
    if name not in {role.name for role in backend.roles.values()}:
        backend.create_service_linked_role(principal, "", "")


def make_needed(environ: Environ) -> None:
    """Make the roles that a call needed."""
    check = json.loads(environ.get("HTTP_X_LOCALAWS_CHECK", "{}"))
    for one in check.get("further", []):
        if "unless_role" in one:
            make(account_of(environ), one["context"]["iam:awsservicename"])
