"""The template gives each function what its code asks for."""

import re

import pytest

from rules import METRICS
from stack import ROOT, SUITE, Stack, read

# The functions by logical id, with the binary that `sam build` puts into each.
BINARIES = {
    "FindingRouter": "finding-router",
    "CisRemediator": "cis-remediator",
    "FindingSweeper": "finding-sweeper",
    "SgComplianceScanner": "sg-compliance-scanner",
    "SgSweepScanner": "sg-compliance-scanner",
    "MemberOnboarder": "member-onboarder",
    "AccountBaseline": "account-baseline",
    "IncidentResponder": "incident-responder",
    "ComplianceReporter": "compliance-reporter",
}

FUNCTIONS = pytest.mark.parametrize(("function", "binary"), BINARIES.items(), ids=list(BINARIES))


def test_every_function_of_the_workspace_is_deployed() -> None:
    assert {p.parent.name for p in ROOT.glob("functions/*/Cargo.toml")} == set(BINARIES.values())
    assert {name for name, _ in Stack.of(read(SUITE)).of_type("AWS::Lambda::Function")} == set(BINARIES)


@FUNCTIONS
def test_is_built_from_its_own_binary(function: str, binary: str) -> None:
    metadata = read(SUITE)["Resources"][function]["Metadata"]
    assert metadata == {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": binary}}


@FUNCTIONS
def test_reads_the_variables_that_it_is_given(function: str, binary: str) -> None:
    source = (ROOT / "functions" / binary / "src" / "lib.rs").read_text()
    asked = set(re.findall(r'"(REDRESS_[A-Z_]+)"', source))
    variables = Stack.of(read(SUITE)).resources[function]["Properties"]["Environment"]["Variables"]
    given = {name for name in variables if name.startswith("REDRESS_")}
    assert asked, f"functions/{binary}/src/lib.rs reads no REDRESS_... variable"
    assert asked == given, (
        f"{binary} is not given {asked - given or 'nothing'}, does not read {given - asked or 'nothing'}"
    )


def test_what_is_measured_is_what_the_code_measures() -> None:
    source = (ROOT / "crates" / "lambda" / "src" / "metrics.rs").read_text()
    counted = {"Redress": set(re.findall(r'Metric::\w+(?:\(\w+\))? => \("(\w+)", (?:None|Some)', source))}
    (match,) = re.findall(r"pub fn namespace\(self\).*?\{\s*match self \{(.*?)\n        \}", source, re.DOTALL)
    *arms, (_, other) = re.findall(r'([\w:| \n]+?) =>\s*\{?\s*"([^"]+)"', match)
    named = dict(re.findall(r'Self::(\w+) => \("(\w+)", "(?:Count|Seconds|Milliseconds)"\)', source))
    special = {variant: namespace for variants, namespace in arms for variant in re.findall(r"Self::(\w+)", variants)}
    measured: dict[str, set[str]] = {}
    for variant, name in named.items():
        measured.setdefault(special.get(variant, other), set()).add(name)
    assert measured | counted == METRICS
