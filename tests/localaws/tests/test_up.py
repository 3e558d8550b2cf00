"""Starting and ending."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from conftest import ROOT, SOURCE, STACK

MOTO = os.environ.get("MOTO_PYTHON", str(ROOT / ".venv/moto/bin/python"))


def start(log: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "localaws", "up", "--log", str(log), *arguments]
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def test_it_ends_with_its_stdin_and_takes_moto_along(tmp_path: Path) -> None:
    process = start(tmp_path / "log", "--moto-python", MOTO, "--no-deploy", "--accounts", "1")
    assert process.stdout is not None
    assert process.stdin is not None
    report = json.loads(process.stdout.readline())
    assert (len(report["members"]), report["stack"]) == (1, {})
    with urllib.request.urlopen(f"{report['endpoint']}/_local/calls") as answer:
        assert json.loads(answer.read()) == []
    (moto,) = children(process.pid)
    process.stdin.close()
    assert process.wait(10) == 0
    deadline = time.monotonic() + 5
    while Path(f"/proc/{moto}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = subprocess.Popen(["sleep", "60"])
    options = ["--moto-python", MOTO, "--no-deploy", "--accounts", "0", "--parent-pid", str(parent.pid)]
    process = start(tmp_path / "log", *options)
    assert process.stdout is not None
    assert process.stdout.readline()
    parent.terminate()
    parent.wait()
    assert process.wait(10) == 0


def client(report: dict[str, Any], service: str, account: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=report["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )


def log_lines(report: dict[str, Any], function: str) -> list[str]:
    with urllib.request.urlopen(f"{report['endpoint']}/_local/logs?function={function}") as answer:
        return json.loads(answer.read())["lines"]


def refusal(tmp_path: Path, *arguments: str) -> str:
    process = start(tmp_path / "log", *arguments)
    out, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert out == ""
    return errors


def test_it_says_which_environment_is_missing(tmp_path: Path) -> None:
    told = refusal(tmp_path, "--moto-python", str(tmp_path / "none"), "--no-deploy")
    assert "create moto's environment first" in told


def test_it_says_which_binary_is_missing(tmp_path: Path) -> None:
    template = str(STACK / "template.yaml")
    told = refusal(tmp_path, "--moto-python", MOTO, "--template", template, "--function", "router=nowhere")
    assert "NAME=PATH of a built binary" in told


def test_it_says_which_function_the_template_lacks(tmp_path: Path) -> None:
    template, binary = str(STACK / "template.yaml"), str(STACK / "function.py")
    told = refusal(
        tmp_path, "--moto-python", MOTO, "--template", template, "--function", f"reporter={binary}"
    )
    assert "the template has no function for --function reporter" in told


def test_it_says_which_parameter_the_templates_lack(tmp_path: Path) -> None:
    template = str(STACK / "template.yaml")
    told = refusal(tmp_path, "--moto-python", MOTO, "--template", template, "--parameter", "Mode=plan")
    assert "the templates have no parameter Mode" in told
    told = refusal(tmp_path, "--moto-python", MOTO, "--template", template, "--parameter", "Modes")
    assert "give NAME=VALUE" in told


def test_parameters_reach_the_templates_and_functions_need_no_binary(tmp_path: Path) -> None:
    options = ["--moto-python", MOTO, "--template", str(STACK / "template.yaml"), "--accounts", "1"]
    options += ["--member-role", str(STACK / "member-role.yaml")]
    options += ["--parameter", "Regions=a=b", "--parameter", "Modes=auto", "--parameter", "RoleTag=tagged"]
    process = start(tmp_path / "log", *options)
    assert process.stdout is not None
    assert process.stdin is not None
    report = json.loads(process.stdout.readline())
    ssm = client(report, "ssm", report["admin"])
    value = ssm.get_parameter(Name=report["stack"]["SettingsParameter"])["Parameter"]["Value"]
    assert (json.loads(value)["modes"], json.loads(value)["regions"]) == ("auto", ["a=b"])
    role = client(report, "iam", report["members"][0]).get_role(RoleName="RedressMemberRole")["Role"]
    assert role["Description"] == "tagged"
    queue = report["stack"]["FindingsQueueUrl"]
    client(report, "sqs", report["admin"]).send_message(QueueUrl=queue, MessageBody="nobody")
    deadline = time.monotonic() + 10
    while "no binary was given for Router" not in "".join(log_lines(report, "Router")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.stdin.close()
    assert process.wait(10) == 0


def test_it_says_that_a_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        assert "is taken" in refusal(tmp_path, "--moto-python", MOTO, "--no-deploy", "--port", port)


def test_it_says_why_a_stack_was_not_created(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Action:\n"
        "    Type: AWS::SecurityHub::ActionTarget\n"
        "    Properties: {Id: WithoutName}\n"
    )
    told = refusal(tmp_path, "--moto-python", MOTO, "--template", str(template))
    assert "Action: AWS::SecurityHub::ActionTarget" in told
