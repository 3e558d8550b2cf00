"""No suite of tests is forgotten."""

from stack import ROOT

# It needs Prowler's own environment, of 2.3 GB: tests/prowler/README.md says how it is run.
APART = {"prowler"}


def test_make_test_runs_every_suite() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\ntest:")[1].split("\n\n")[0]
    suites = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert {"browser", "infra", "localaws"} <= suites
    assert not [suite for suite in suites - APART if f"pytest -q tests/{suite}\n" not in f"{recipe}\n"]
