"""Regions that an account has not opened: calls there are answered as if the credentials were nobody's."""

from __future__ import annotations

from localaws.front.errors import error, protocol_of
from localaws.front.request import Request, Response

_TOKEN = "The security token included in the request is invalid"


class Regions:
    """The closed regions of the accounts."""

    def __init__(self) -> None:
        self._closed: set[tuple[str, str]] = set()

    def put(self, account: str, region: str, state: str) -> None:
        """Close a region, or open it again."""
        if state not in ("open", "closed"):
            raise ValueError(f"state {state}: open or closed")
        if state == "closed":
            self._closed.add((account, region))
        else:
            self._closed.discard((account, region))

    def refuse(self, request: Request, account: str) -> Response | None:
        """The refusal in the service's protocol, or None where the region is open."""
        if (account, request.region) not in self._closed:
            return None
        match protocol_of(request):
            case "ec2":
                message = "AWS was not able to validate the provided access credentials"
                return error(request, 401, "AuthFailure", message)
            case "rest-xml" if "x-amz-security-token" in request.headers:
                message = "The provided token is malformed or otherwise invalid."
                return error(request, 400, "InvalidToken", message)
            case "rest-xml":
                message = "The AWS Access Key Id you provided does not exist in our records."
                return error(request, 403, "InvalidAccessKeyId", message)
            case "query":
                return error(request, 403, "InvalidClientTokenId", _TOKEN)
        status = 400 if "x-amz-target" in request.headers else 403
        return error(request, status, "UnrecognizedClientException", f"{_TOKEN}.")
