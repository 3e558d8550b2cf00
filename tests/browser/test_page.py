"""The reporter's page in a real browser: phone and desk, light and dark, and paper.

The pages and their JSON are written by the reporter's own tests (functions/compliance-reporter/tests/pages.rs);
pictures are left beside them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

TOP = Path(__file__).resolve().parents[2]
REPORTS = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")) / "tmp" / "compliance-reporter"
CHROMIUM = Path(os.environ.get("CHROMIUM", TOP / ".venv" / "chromium"))

NAMES = ("busy", "empty", "unread", "harmful")
WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")
PICTURE = 1800

FIGURES = """() => [...document.querySelectorAll('[data-figure]')].map(one => ({
    at: one.dataset.figure, text: one.textContent, value: one.getAttribute('value'), unknown: 'unknown' in one.dataset
}))"""

TOO_WIDE = """() => [...document.body.querySelectorAll('*')]
    .filter(one => !one.closest('.scroll *') && !one.closest('svg *'))
    .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
    .map(one => one.tagName + '.' + one.className)"""

# WCAG's contrast of every text that is seen with the paper behind it.
FAINT = """() => {
    const parse = color => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const paper = one => {
        for (let at = one; at; at = at.parentElement) {
            const color = parse(getComputedStyle(at).backgroundColor);
            if (color.length < 4 || color[3] > 0) return color;
        }
        return [255, 255, 255];
    };
    const text = one => [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    return [...document.body.querySelectorAll('*')].filter(one => !one.closest('svg') && text(one)).filter(one => {
        const [a, b] = [light(parse(getComputedStyle(one).color)), light(paper(one))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
    }).map(one => one.outerHTML.slice(0, 120));
}"""

UNNAMED = """() => [
    ...[...document.querySelectorAll('svg')].filter(one => one.getAttribute('role') !== 'img'
        || !one.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id)?.textContent)),
    ...[...document.querySelectorAll('th')].filter(one => !one.scope),
    ...[...document.querySelectorAll('table')]
        .filter(one => !one.caption || !one.tHead || !one.querySelector('tbody th')),
    ...[...document.querySelectorAll('[id]')]
        .filter((one, at, all) => all.some(other => other !== one && other.id === one.id)),
].map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser, which asks nobody for anything."""
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(CHROMIUM / "lib"),
        "FONTCONFIG_FILE": str(CHROMIUM / "fonts.conf"),
    }
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    quiet += ["--no-first-run", "--disable-sync", "--font-render-hinting=none"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM / "chromium", args=quiet, env=environment)
        yield chromium
        chromium.close()


class Shown:
    """A page as it is shown, and what happened meanwhile."""

    def __init__(self, browser: Browser, name: str, width: int, scheme: Any) -> None:
        self.stem, self.width = f"{name}-{width}-{scheme}", width
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.trouble: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("dialog", lambda dialog: self.trouble.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.url = (REPORTS / f"{name}.html").as_uri()
        self.page.goto(self.url, wait_until="networkidle")

    def keep(self) -> None:
        """Pictures of it, piece by piece: the browser cannot surely take more than it shows."""
        (REPORTS / "png").mkdir(exist_ok=True)
        self.page.set_viewport_size({"width": self.width, "height": PICTURE})
        for number, top in enumerate(range(0, self.page.evaluate("document.documentElement.scrollHeight"), PICTURE)):
            self.page.evaluate("top => window.scrollTo(0, top)", top)
            self.page.screenshot(path=REPORTS / "png" / f"{self.stem}-{number + 1}.png")
        self.page.set_viewport_size({"width": self.width, "height": 900})

    def open_all(self) -> None:
        """Opens what is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


@pytest.fixture(params=[(name, width, scheme) for name in NAMES for width in WIDTHS for scheme in SCHEMES], ids=str)
def shown(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Shown]:
    """Every page in every width and scheme."""
    name, width, scheme = request.param
    shown = Shown(browser, name, width, scheme)
    yield shown
    shown.context.close()


def report(name: str) -> Any:
    return json.loads((REPORTS / f"{name}.json").read_text())


def find(document: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        if document is None:  # A part that could not be read.
            return None
        key = step.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def test_the_page_stands_alone_and_fits(shown: Shown) -> None:
    shown.keep()
    for _ in range(2):
        assert shown.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert shown.page.evaluate(TOO_WIDE) == []
        shown.open_all()
    assert shown.asked == [shown.url], "a request left the page"
    assert shown.trouble == []
    assert shown.page.title().startswith("Redress: compliance report of 2026-")
    assert shown.page.evaluate("document.scripts.length") == 0


def test_whoever_sees_little_or_listens_gets_the_same(shown: Shown) -> None:
    shown.open_all()
    assert shown.page.evaluate(FAINT) == []
    assert shown.page.evaluate(UNNAMED) == []
    assert shown.page.get_attribute("html", "lang") == "en"
    dark = shown.page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == shown.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_are_the_json_s(browser: Browser, name: str) -> None:
    shown, document = Shown(browser, name, 1280, "light"), report(name)
    figures = shown.page.evaluate(FIGURES)
    assert len(figures) > 50
    for figure in figures:
        value = find(document, figure["at"])
        if figure["unknown"]:
            assert value is None and not re.search(r"\d", figure["text"]), figure
            continue
        assert float(figure["value"]) == float(value), figure
        if "seconds" not in figure["at"]:
            said = float(re.sub(r"[\u202f%]", "", figure["text"]))
            assert said == pytest.approx(value, abs=0.05), figure
    shown.context.close()


@pytest.mark.parametrize("name", NAMES)
def test_bars_are_as_long_as_their_figures(browser: Browser, name: str) -> None:
    shown, document = Shown(browser, name, 1280, "light"), report(name)
    for index, standard in enumerate(document["posture"]["standards"]):
        parts = {"good": standard["passed"], "bad": standard["failed"], "none": standard["not_assessed"]}
        bar = shown.page.locator(f"svg[aria-labelledby^='standard-{index}-t']")
        whole = bar.bounding_box()["width"]
        for style, count in parts.items():
            drawn = bar.locator(f"rect.{style}")
            width = drawn.bounding_box()["width"] if drawn.count() else 0
            assert width == pytest.approx(whole * count / max(1, sum(parts.values())), abs=1.5)
    shown.context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_printed(browser: Browser, name: str, scheme: str) -> None:
    shown, document = Shown(browser, name, 1280, scheme), report(name)
    (REPORTS / "png").mkdir(exist_ok=True)
    paper = pypdfium2.PdfDocument(shown.page.pdf(format="A4", print_background=False))
    text = "".join(page.get_textpage().get_text_range() for page in paper)
    for index, page in enumerate(paper):
        page.render(scale=1.5).to_pil().save(REPORTS / "png" / f"{name}-{scheme}-paper-{index + 1}.png")
    assert f"Compliance report of {document['day']}" in text
    for title in ("Posture", "Identities", "Incidents", "Remediations", "Baseline", "Onboarding"):
        assert title in text
    for account in document["posture"]["accounts"]:
        assert account["account"] in text
    assert 1 < len(paper) < 40
    shown.context.close()
