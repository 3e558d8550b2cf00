"""What MiniStack lacks or does otherwise than AWS, mended at start.

- Denials name the resource, and every decision goes to the log of calls.
- `aws:PrincipalOrgID` is the local organization's.
"""

from __future__ import annotations

from typing import Any

from localaws.front.calls import Calls
from localaws.world import ORGANIZATION


def apply(calls: Calls) -> None:
    """Mend MiniStack; once, before it serves."""
    _log_decisions(calls)
    _name_resources_in_denials()
    _belong_to_the_organization()


def _log_decisions(calls: Calls) -> None:
    from ministack.core import iam_evaluator as evaluator
    from ministack.core.responses import get_account_id

    decide = evaluator.enforce

    def enforce(access_key_id: str, iam_action: str, *rest: Any, **named: Any) -> Any:
        verdict = decide(access_key_id, iam_action, *rest, **named)
        resource = named.get("resource_arn") or (rest[2] if len(rest) > 2 else "*")
        caller = evaluator.resolve_caller_identity(access_key_id) or {}
        principal = caller.get("userArn", access_key_id)
        calls.add(get_account_id(), principal, iam_action, resource, verdict is None, "admin")
        return verdict

    evaluator.enforce = enforce


def _name_resources_in_denials() -> None:
    from ministack.core import iam_actions

    respond = iam_actions.access_denied_response

    def access_denied_response(
        service: str, action: str, principal_arn: str, request_id: str, **named: Any
    ) -> tuple[Any, ...]:
        if not named.get("message") and not named.get("error_code") and not named.get("resource_policy_arn"):
            resource, explicit = named.get("resource_arn", "*"), named.get("explicit_deny", False)
            named["message"] = iam_actions.identity_denial_message(action, principal_arn, resource, explicit)
        return respond(service, action, principal_arn, request_id, **named)

    iam_actions.access_denied_response = access_denied_response


def _belong_to_the_organization() -> None:
    from ministack.core import iam_evaluator as evaluator

    evaluator._principal_org_id = lambda account_id: ORGANIZATION
