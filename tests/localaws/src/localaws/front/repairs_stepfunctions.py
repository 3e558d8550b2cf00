"""Step Functions of MiniStack: what it does otherwise than AWS.

- The role of a state machine is not asked, neither by its tasks nor by a Distributed Map, its reader and its
  writer. Where a task does not tell its resource, an Allow on some resource counts.
- A Distributed Map has no ResultWriter. Batches (`ItemBatcher`) and JSONata in a Distributed Map are not
  done, and not refused: here such a state fails.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from localaws.front import admin_roles
from localaws.front.admin_roles import Need

SERVICE = "states.amazonaws.com"
_running: ContextVar[tuple[str, str]] = ContextVar("running", default=("", ""))
"""The role of the state machine that runs, and the state machine."""
_UNDONE = ("ItemBatcher",)
_INTEGRATION = re.compile(r"arn:aws:states:::(?:aws-sdk:)?([\w-]+):(\w+)")

State = dict[str, Any]


def apply() -> None:
    """Mend it; once, before MiniStack serves."""
    _run_by_roles()
    _ask_for_tasks()
    _ask_for_objects()
    _write_results()


def _demand(error: str, *needed: Need, cause: str | None = None) -> None:
    """Fail the state with `error` unless the role of the running state machine may."""
    from ministack.services.stepfunctions import _ExecutionError

    role, machine = _running.get()
    account, source = [*role.split(":"), *[""] * 5][4], {"aws:sourcearn": machine}
    if reason := admin_roles.refusal(role, account, needed, SERVICE, source):
        raise _ExecutionError(error, cause or f"User: {reason}")


def _run_by_roles() -> None:
    from ministack.services import stepfunctions

    run = stepfunctions._run_execution

    def run_execution(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        _running.set((machine.get("roleArn", ""), machine.get("stateMachineArn", "")))
        run(execution_arn)

    stepfunctions._run_execution = run_execution


def _need_of(resource: str, given: Any) -> Need | None:
    """What a task's service integration needs; of functions it is asked where they are called."""
    found = _INTEGRATION.match(resource)
    if found is None or found[1] == "lambda":
        return None
    service, name = found.groups()
    values = given if isinstance(given, dict) else {}
    action = f"{service}:{name[:1].upper()}{name[1:]}"
    if service == "states":
        action = "states:StartExecution"
    return action, values.get("StateMachineArn") or values.get("TopicArn")


def _ask_for_tasks() -> None:
    from ministack.services import lambda_svc, stepfunctions

    call, invoke, call_back = (
        stepfunctions._call_lambda,
        stepfunctions._invoke_resource,
        stepfunctions._invoke_with_callback,
    )

    def call_lambda(reference: str, event: Any) -> Any:
        _, config, _ = lambda_svc._get_func_record_for_ref(reference)
        arn = config["FunctionArn"] if config else reference
        _demand("Lambda.AWSLambdaException", ("lambda:InvokeFunction", arn))
        return call(reference, event)

    def asked(resource: str, given: Any) -> None:
        if need := _need_of(resource, given):
            service = need[0].partition(":")[0]
            _demand(f"{service.capitalize()}.AccessDeniedException", need)

    def invoke_resource(resource: str, given: Any) -> Any:
        asked(resource, given)
        return invoke(resource, given)

    def invoke_with_callback(resource: str, given: Any, *rest: Any) -> Any:
        asked(resource, given)
        return call_back(resource, given, *rest)

    stepfunctions._call_lambda = call_lambda
    stepfunctions._invoke_resource = invoke_resource
    stepfunctions._invoke_with_callback = invoke_with_callback


def _ask_for_objects() -> None:
    from ministack.services import stepfunctions

    text, read = stepfunctions._s3_object_text, stepfunctions._read_map_items

    def object_text(bucket: str, key: str) -> str:
        _demand("States.ItemReaderFailed", ("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"))
        return text(bucket, key)

    def read_map_items(reader: State, effective: Any, context: Any) -> Any:
        if reader.get("Resource", "").endswith("s3:listObjectsV2"):
            asked = stepfunctions._resolve_params_obj(reader.get("Parameters") or {}, effective, context)
            _demand("States.ItemReaderFailed", ("s3:ListBucket", f"arn:aws:s3:::{asked.get('Bucket')}"))
        return read(reader, effective, context)

    stepfunctions._s3_object_text = object_text
    stepfunctions._read_map_items = read_map_items


def _told(child: dict[str, Any]) -> dict[str, Any]:
    """A child execution as it is in the files of results."""
    names = {
        "error": "Error",
        "cause": "Cause",
        "executionArn": "ExecutionArn",
        "input": "Input",
        "name": "Name",
        "output": "Output",
        "startDate": "StartDate",
        "stateMachineArn": "StateMachineArn",
        "status": "Status",
        "stopDate": "StopDate",
    }
    told = {new: child[old] for old, new in names.items() if child.get(old) is not None}
    included = {"Included": True}
    outputs = {"OutputDetails": included} if "Output" in told else {}
    return {**told, "InputDetails": included, **outputs, "RedriveCount": 0}


def _results(children: list[dict[str, Any]], status: str, writer: dict[str, Any]) -> str:
    """A file of results, in the form that the writer asks for."""
    mine = [child for child in children if child["status"] == status]
    form = writer.get("Transformation", "NONE")
    items: list[Any] = [_told(child) for child in mine]
    if form != "NONE" and status == "SUCCEEDED":
        items = [json.loads(child["output"]) for child in mine]
        if form == "FLATTEN":
            items = [one for item in items for one in (item if isinstance(item, list) else [item])]
    if writer.get("OutputType") == "JSONL":
        return "".join(f"{json.dumps(item)}\n" for item in items)
    return json.dumps(items)


class _Writer:
    """Writes what became of a Map Run into a bucket."""

    def __init__(self, bucket: str, prefix: str, config: dict[str, Any]) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._config = config

    def _put(self, key: str, text: str) -> dict[str, Any]:
        from ministack.services import s3
        from ministack.services.stepfunctions import _ExecutionError

        body = text.encode()
        _demand("States.ResultWriterFailed", ("s3:PutObject", f"arn:aws:s3:::{self._bucket}/{key}"))
        status, *_ = s3._put_object(self._bucket, key, body, {"content-type": "application/json"})
        if status != 200:
            raise _ExecutionError("States.ResultWriterFailed", f"no bucket {self._bucket} can be written to")
        return {"Key": key, "Size": len(body)}

    def write(self, run: dict[str, Any], children: list[dict[str, Any]]) -> dict[str, Any]:
        """The output of a state with a writer."""
        above = "/".join(filter(None, [self._prefix.strip("/"), run["mapRunArn"].rpartition(":")[2]]))
        end = "jsonl" if self._config.get("OutputType") == "JSONL" else "json"
        files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
        for status in ("SUCCEEDED", "FAILED"):
            if any(child["status"] == status for child in children):
                text = _results(children, status, self._config)
                files[status].append(self._put(f"{above}/{status}_0.{end}", text))
        manifest = {
            "DestinationBucket": self._bucket,
            "MapRunArn": run["mapRunArn"],
            "ResultFiles": files,
        }
        key = self._put(f"{above}/manifest.json", json.dumps(manifest))["Key"]
        details = {"Bucket": self._bucket, "Key": key}
        return {"MapRunArn": run["mapRunArn"], "ResultWriterDetails": details}


def _writer(state: State, effective: Any, context: Any) -> _Writer | None:
    from ministack.services.stepfunctions import _resolve_params_obj

    given = state.get("ResultWriter")
    if not given or not given.get("Resource"):
        return None
    where = _resolve_params_obj(given.get("Parameters") or {}, effective, context)
    return _Writer(where["Bucket"], where.get("Prefix", ""), given.get("WriterConfig") or {})


def _refuse_undone(state: State, context: Any) -> None:
    from ministack.services.stepfunctions import _ExecutionError, _state_query_language

    undone = [name for name in _UNDONE if name in state]
    if _state_query_language(state, context) == "JSONata":
        undone.append("JSONata")
    if undone:
        raise _ExecutionError("States.Runtime", f"the local AWS has no {undone[0]} in a Distributed Map")


def _write_results() -> None:
    from ministack.services import stepfunctions

    run_map: Callable[..., Any] = stepfunctions._run_distributed_map

    def run_distributed_map(
        state: State, raw: Any, effective: Any, iterator: State, execution: dict[str, Any], context: Any
    ) -> Any:
        _refuse_undone(state, context)
        cause = "The state machine IAM Role is not authorized to Start the Map Run."
        need = ("states:StartExecution", execution["stateMachineArn"])
        _demand("States.Runtime", need, cause=cause)
        writer = _writer(state, effective, context)
        if writer is None:
            return run_map(state, raw, effective, iterator, execution, context)
        after = ("ResultSelector", "ResultPath", "OutputPath")
        inner = {name: value for name, value in state.items() if name not in after}
        inner["Label"] = label = state.get("Label") or uuid.uuid4().hex
        before = set(stepfunctions._map_runs)
        try:
            _, following = run_map(inner, raw, effective, iterator, execution, context)
        finally:
            new = [run for arn, run in stepfunctions._map_runs.items() if arn not in before]
            runs = [
                run
                for run in new
                if f"/{label}:" in run["mapRunArn"] and run["executionArn"] == execution["executionArn"]
            ]
            written = writer.write(runs[-1], _children(runs[-1]["mapRunArn"])) if runs else {}
        result = stepfunctions._apply_result_selector(state, written)
        output = stepfunctions._apply_result_path(state, raw, result)
        return stepfunctions._apply_output_path(state, output, context), following

    stepfunctions._run_distributed_map = run_distributed_map


def _children(map_run: str) -> list[dict[str, Any]]:
    from ministack.services import stepfunctions

    return [child for child in list(stepfunctions._executions.values()) if child.get("mapRunArn") == map_run]
