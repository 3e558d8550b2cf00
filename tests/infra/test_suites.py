"""No suite of tests is forgotten, and no promise is without its test."""

import re
from fnmatch import fnmatch

from stack import ROOT

# It needs Prowler's own environment, of 2.3 GB: tests/prowler/README.md says how it is run.
APART = {"prowler"}


def test_make_test_runs_every_suite() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\ntest:")[1].split("\n\n")[0]
    suites = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert {"browser", "infra", "localaws"} <= suites
    assert not [suite for suite in suites - APART if f"pytest -q tests/{suite}\n" not in f"{recipe}\n"]


def test_every_promise_of_the_readme_names_tests_that_exist() -> None:
    table = (ROOT / "README.md").read_text().split("| promise | proof |")[1].split("\n\n")[0]
    promises = [line.split(" | ", 1) for line in table.strip().splitlines()[1:]]
    sources = [path for top in ("crates", "functions", "tests") for path in (ROOT / top).rglob("*.[rp][sy]")]
    text = "\n".join(path.read_text() for path in sources)
    # Functions, what the trials of tests/e2e are called, files and targets; what is made from the catalog is named by a pattern.
    known = set(re.findall(r"(?:fn|def) (\w+)\(", text)) | set(re.findall(r'"([\w.]+(?:::[\w.]+)+)"', text))
    known |= {f"make {target}" for target in re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    made = ("conformance::*", "laws::*", "grants::*")
    assert len(promises) > 50
    for promise, proof in promises:
        named = re.findall(r"`([^`]+)`", proof)
        assert named, promise
        for name in named:
            is_made = any(fnmatch(name, pattern) for pattern in made)
            assert is_made or name in known or (ROOT / name).exists(), f"{promise}: {name}"
