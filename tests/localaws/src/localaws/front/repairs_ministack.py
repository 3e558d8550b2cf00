"""What MiniStack lacks or does otherwise than AWS, mended at start.

- Denials name the resource, and every decision goes to the log of calls.
- `aws:PrincipalOrgID` is the local organization's.
- A function that ends before its first answer leaves its reason in its log.
- An SSM parameter of a template without a name is named as CloudFormation does, not as a path.
- Schedules do not fire by themselves, so that no test is disturbed; the door `schedules` fires them.
- Who may not list a bucket is denied an object that is not there, as the page on GetObject says.
- The endpoint speaks plain HTTP, but to policies every request came over TLS: the templates refuse others.
"""

from __future__ import annotations

import uuid
from typing import Any

from localaws.front.calls import Calls
from localaws.world import ORGANIZATION


def apply(calls: Calls) -> None:
    """Mend MiniStack; once, before it serves."""
    _log_decisions(calls)
    _name_resources_in_denials()
    _belong_to_the_organization()
    _count_as_tls()
    _log_why_functions_end()
    _keep_schedules_quiet()
    _name_parameters()
    _hide_what_may_not_be_listed()


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


def _count_as_tls() -> None:
    from ministack import app
    from ministack.core import iam_evaluator as evaluator

    pin = evaluator.pin_request_origin

    def pin_request_origin(source_ip: str, secure_transport: bool) -> None:
        pin(source_ip, True)

    evaluator.pin_request_origin = pin_request_origin
    app.pin_request_origin = pin_request_origin


def _log_why_functions_end() -> None:
    from ministack.services import lambda_svc

    execute = lambda_svc._execute_function_provided_warm

    def execute_and_tell(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        result = execute(func, event, request_id)
        if result.get("error") and not result.get("log"):
            result["log"] = f"{result['body'].get('errorType')}: {result['body'].get('errorMessage')}"
        return result

    lambda_svc._execute_function_provided_warm = execute_and_tell


def _keep_schedules_quiet() -> None:
    from ministack.services import eventbridge, scheduler

    eventbridge.start_scheduler = lambda: None
    scheduler.start_scheduler = lambda: None


def _name_parameters() -> None:
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    handlers = _RESOURCE_HANDLERS["AWS::SSM::Parameter"]
    create = handlers["create"]

    def create_named(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        name = f"CFN-{logical_id}-{uuid.uuid4().hex[:12]}"
        return create(logical_id, {"Name": name, **properties}, stack)

    handlers["create"] = create_named


def _hide_what_may_not_be_listed() -> None:
    from ministack.core import iam_evaluator as evaluator
    from ministack.core.router import extract_access_key_id
    from ministack.services import s3

    get = s3._get_object

    def get_object(bucket: str, key: str, headers: dict[str, str], query: Any = None) -> Any:
        answer = get(bucket, key, headers, query)
        caller = extract_access_key_id(headers, query or {})
        if answer[0] != 404 or bucket not in s3._buckets or not caller:
            return answer
        if evaluator.enforce(caller, "s3:ListBucket", "s3", "", f"arn:aws:s3:::{bucket}", {}) is None:
            return answer
        return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")

    s3._get_object = get_object
