"""What `make deploy` runs: against an AWS that answers from a file and writes down what it is asked."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stack import INFRA, ORGANIZATION, ROOT, SERVICE_CATALOG, SUITE, Template, read

SCRIPT = INFRA / "deploy.sh"
OUTPUTS = ("RemediationRoleArns", "ScannerRoleArn", "OnboarderRoleArn", "ChangesBusArn")
ANSWERS = {
    "admin sts get-caller-identity": "444455556666",
    "management sts get-caller-identity": "999988887777",
    "management sts get-caller-identity Arn": "arn:aws:sts::999988887777:assumed-role/Admin/alice",
    "management organizations describe-organization Organization.Id": "o-a1b2c3d4e5",
    "management organizations describe-organization Organization.MasterAccountId": "999988887777",
    "management organizations list-roots": "r-a1b2",
    "admin ec2 describe-regions": "eu-west-1\tus-east-1",
    "management cloudformation describe-stacks Stacks[0].Outputs[?OutputKey=='PortfolioId'].OutputValue": "port-example",
    **{
        f"admin cloudformation describe-stacks Stacks[0].Outputs[?OutputKey=='{name}'].OutputValue": f"the {name}"
        for name in OUTPUTS
    },
}
# What a second run finds.
DEPLOYED = {
    "admin ssm get-parameter": "an-external-id-that-was-made",
    "management organizations list-aws-service-access-for-organization": "member.org.stacksets.cloudformation.amazonaws.com",
    "management s3api head-bucket": "",
    "management servicecatalog describe-portfolio-shares": "o-a1b2c3d4e5",
}
REFUSES = {"admin ssm get-parameter", "management s3api head-bucket"}
TOOL = """#!{python}
import json, os, sys
tool, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open({calls!r}, "a") as calls:
    calls.write(json.dumps([tool, *words]) + "\\n")
option = lambda name: words[words.index(name) + 1] if name in words else ""
answers, refuses = json.load(open({answers!r}))
rest = [word for word in words if word not in ("--profile", option("--profile"), "--region", option("--region"))]
asked = " ".join([option("--profile"), *rest[:2]])
if asked in refuses:
    sys.exit(254)
print(answers.get(asked + " " + option("--query"), answers.get(asked, "")))
"""


class Cloud:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers, self.refuses = ANSWERS, REFUSES
        for name in ("aws", "sam", "cargo-lambda"):
            tool = folder / name
            files = {"calls": str(folder / "calls"), "answers": str(folder / "answers")}
            tool.write_text(TOOL.format(python=sys.executable, **files))
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    def deploy(self, **variables: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "calls").write_text("")
        (self.folder / "answers").write_text(json.dumps([self.answers, sorted(self.refuses)]))
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "ADMIN_PROFILE": "admin",
            "MANAGEMENT_PROFILE": "management",
        }
        return subprocess.run(
            ["bash", SCRIPT], env=environment | variables, capture_output=True, text=True, check=False
        )

    def calls(self, *words: str) -> list[list[str]]:
        """Those that have all of the words, in their order."""
        calls = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [call for call in calls if set(words) <= set(call)]

    def parameters(self, *words: str) -> dict[str, str]:
        (call,) = self.calls(*words)
        return dict(word.split("=", 1) for word in call[call.index("--parameter-overrides") + 1 :])


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def again(cloud: Cloud, **answers: Any) -> Cloud:
    cloud.answers, cloud.refuses = ANSWERS | DEPLOYED | answers, set()
    return cloud


def required(template: Template) -> set[str]:
    return {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}


def test_scripts_are_sound() -> None:
    scripts = [SCRIPT, *(ROOT / ".ci").iterdir()]
    shellcheck = Path(sys.executable).with_name("shellcheck")
    checked = subprocess.run([shellcheck, *scripts], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert all("set -euo pipefail" in script.read_text() for script in scripts)


def test_the_suite_comes_first_and_tells_the_organization(cloud: Cloud) -> None:
    done = cloud.deploy()
    assert done.returncode == 0, done.stderr
    order = [call[0] for call in cloud.calls() if call[0] == "sam" or "deploy" in call]
    assert order == ["sam", "sam", "aws"]
    suite, organization = cloud.parameters("sam", "deploy"), cloud.parameters("aws", "deploy")
    assert required(read(SUITE)) <= suite.keys() <= read(SUITE)["Parameters"].keys()
    assert required(read(ORGANIZATION)) <= organization.keys() <= read(ORGANIZATION)["Parameters"].keys()
    assert {name: organization[name] for name in OUTPUTS} == {name: f"the {name}" for name in OUTPUTS}
    assert set(OUTPUTS) <= read(SUITE)["Outputs"].keys()
    assert suite["ExternalId"] == organization["ExternalId"]
    assert organization["Regions"] == "eu-west-1,us-east-1"
    assert organization["TargetIds"] == "r-a1b2"


def test_an_external_id_is_made_once_and_kept(cloud: Cloud) -> None:
    cloud.deploy()
    made = cloud.parameters("sam", "deploy")["ExternalId"]
    assert re.search(read(SUITE)["Parameters"]["ExternalId"]["AllowedPattern"], made)
    assert len(made) >= 32
    ((*_,),) = [call for call in cloud.calls("put-parameter") if made in call and "SecureString" in call]
    again(cloud).deploy()
    assert cloud.parameters("sam", "deploy")["ExternalId"] == DEPLOYED["admin ssm get-parameter"]
    assert not cloud.calls("put-parameter")


def test_what_is_there_is_not_made_again(cloud: Cloud) -> None:
    cloud.deploy()
    assert cloud.calls("create-bucket")
    assert cloud.calls("activate-organizations-access")
    done = again(cloud).deploy(SERVICE_CATALOG_USERS="role/Owner")
    assert done.returncode == 0, done.stderr
    for made in ("create-bucket", "activate-organizations-access", "create-portfolio-share"):
        assert not cloud.calls(made), made


def test_the_templates_that_are_named_are_uploaded_to_a_place_of_their_content(cloud: Cloud) -> None:
    cloud.deploy()
    url = cloud.parameters("aws", "deploy")["TemplatesUrl"]
    assert re.search(read(ORGANIZATION)["Parameters"]["TemplatesUrl"]["AllowedPattern"], url)
    keys = {call[call.index("--key") + 1] for call in cloud.calls("put-object")}
    named = re.findall(r"\$\{TemplatesUrl\}/([\w.-]+)", ORGANIZATION.read_text() + SERVICE_CATALOG.read_text())
    assert {f"{url.split('.com/')[1]}/{name}" for name in named} == keys


def test_the_bucket_of_templates_is_private_and_asks_for_tls(cloud: Cloud) -> None:
    cloud.deploy()
    ((*_, policy),) = cloud.calls("put-bucket-policy")
    (statement,) = json.loads(policy)["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ((*_, block),) = cloud.calls("put-public-access-block")
    assert block.count("=true") == 4


def test_the_suite_may_be_there_already(cloud: Cloud) -> None:
    done = cloud.deploy(SKIP_ADMIN_STACK="1", REGIONS="us-east-1", TARGET_IDS="ou-a1b2-c3d4e5f6")
    assert done.returncode == 0, done.stderr
    assert not cloud.calls("sam")
    organization = cloud.parameters("aws", "deploy")
    assert (organization["Regions"], organization["TargetIds"]) == ("us-east-1", "ou-a1b2-c3d4e5f6")


def test_parameters_of_ones_own_are_passed_on(cloud: Cloud) -> None:
    cloud.deploy(
        SUITE_PARAMETERS="Modes=plan,A=auto BaselineMacie=on", ORGANIZATION_PARAMETERS="IncludeManagementAccount=true"
    )
    assert cloud.parameters("sam", "deploy").items() >= {"Modes": "plan,A=auto", "BaselineMacie": "on"}.items()
    assert cloud.parameters("aws", "deploy")["IncludeManagementAccount"] == "true"


def test_products_keep_the_version_before_and_are_shared_with_the_organization(cloud: Cloud) -> None:
    value = "Stacks[0].Parameters[?ParameterKey=='{}'].ParameterValue"
    cloud.answers = ANSWERS | {
        f"management cloudformation describe-stacks {value.format('Version')}": "before",
        f"management cloudformation describe-stacks {value.format('TemplatesUrl')}": "https://before",
    }
    done = cloud.deploy(SERVICE_CATALOG_USERS="role/Owner")
    assert done.returncode == 0, done.stderr
    products = cloud.parameters("aws", "deploy", "infra/service-catalog.yaml")
    assert required(read(SERVICE_CATALOG)) <= products.keys() <= read(SERVICE_CATALOG)["Parameters"].keys()
    assert (products["PreviousVersion"], products["PreviousTemplatesUrl"]) == ("before", "https://before")
    ((*_, share),) = cloud.calls("create-portfolio-share", "port-example", "--share-principals")
    assert share == "Type=ORGANIZATION,Value=o-a1b2c3d4e5"


@pytest.mark.parametrize("missing", ["ADMIN_PROFILE", "MANAGEMENT_PROFILE"])
def test_whose_account_it_is_must_be_said(cloud: Cloud, missing: str) -> None:
    done = cloud.deploy(**{missing: ""})
    assert done.returncode != 0
    assert missing in done.stderr
    assert not cloud.calls()


def test_the_management_account_is_not_taken_on_trust(cloud: Cloud) -> None:
    cloud.answers = ANSWERS | {
        "management organizations describe-organization Organization.MasterAccountId": "111122223333"
    }
    done = cloud.deploy()
    assert done.returncode != 0
    assert "managed by 111122223333" in done.stderr
    assert not [call for call in cloud.calls() if "deploy" in call]
