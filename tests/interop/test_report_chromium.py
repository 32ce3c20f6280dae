# SPDX-License-Identifier: Apache-2.0
"""The report in a browser: it searches, folds, filters and jumps, in both colours, and asks the network for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from tests.e2e.runner import run as run_demo
from tests.require import require
from tests.support.traces import command, exchange, hostile, write
from tools.cli import main

require("chromium")

from playwright.sync_api import sync_playwright  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=which("chromium"), args=ARGUMENTS)
        yield running
        running.close()


class Desk:
    """A page that reports what goes wrong in it, and every request."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.wrong.append(message.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        page.on("request", lambda request: self.requests.append(request.url))
        page.route(lambda url: not url.startswith("file:"), lambda route: route.abort())

    def open(self, path: Path) -> Page:
        self.page.goto(path.as_uri())
        return self.page

    def check(self, path: Path) -> None:
        assert self.wrong == []
        assert {url.partition("#")[0] for url in self.requests if not url.startswith("data:")} == {path.as_uri()}

    def count(self) -> str:
        return self.page.locator("#count").inner_text()


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield Desk(context.new_page())
    context.close()


def until(page: Page, expression: str) -> None:
    """Wait for the page: its policy lets nobody else's script wait inside it."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never true: {expression}", pytrace=False)


def report(trace: Path) -> Path:
    output = trace.with_suffix(".html")
    result = CliRunner().invoke(main, ["trace", "report", str(trace), "-o", str(output)], prog_name="euicc")
    assert result.exit_code == 0, result.output
    return output


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "demo.jsonl"
    assert run_demo("--bearer", "reader", "--seed", 1, "--trace", path).exit_code == 0
    with path.open("a") as file:
        from apdu.trace.jsonl import to_line

        file.write(to_line(command(1735689700.0, "00B0000001")) + "\n")
    return report(path)


def test_search_finds_what_is_in_the_layers(desk: Desk, demo: Path) -> None:
    page = desk.open(demo)
    everything = page.locator("#list > li").count()
    assert desk.count() == f"{everything} entries"
    page.keyboard.press("/")
    page.keyboard.type("create")
    until(page, "document.querySelector('#list mark')?.textContent.toLowerCase() === 'create'")
    assert 0 < page.locator("#list > li").count() < everything
    page.fill("#search", "plain command")  # only in trees that nobody has opened
    page.wait_for_timeout(250)
    inside = page.locator("#list > li").count()
    assert 0 < inside < everything
    page.keyboard.press("Escape")
    page.wait_for_timeout(250)
    assert page.locator("#list > li").count() == everything
    page.select_option("#layer", "scp03")
    assert page.locator("#list > li").count() == inside
    page.click("text=Clear")
    page.wait_for_timeout(50)
    page.select_option("#sw", "none")
    assert page.locator("#list > li").count() == 1
    desk.check(demo)


def test_layers_fold(desk: Desk, demo: Path) -> None:
    page = desk.open(demo)
    page.select_option("#layer", "scp03")
    row = page.locator("#list .row").first
    assert row.get_attribute("aria-expanded") == "false"
    row.focus()
    page.keyboard.press("Enter")
    assert row.get_attribute("aria-expanded") == "true"
    layer = page.locator("#list details[data-layer=scp03]").first
    inside = layer.locator("text=plain command").first
    assert inside.is_visible()
    layer.locator("> summary").click()
    assert not inside.is_visible()
    page.keyboard.press("Enter")
    assert inside.is_visible()
    row.click()
    assert page.locator("#list .panel").count() == 0
    page.click("#unfold")
    assert page.locator("#list .panel").count() == page.locator("#list > li").count()
    desk.check(demo)


def test_findings_and_the_ladder_lead_to_entries(desk: Desk, demo: Path) -> None:
    page = desk.open(demo)
    page.locator(".findings li", has_text="no response").locator("a").click()
    until(page, "document.activeElement.classList.contains('row')")
    assert "no response" in page.locator("#list > li:has(.panel)").inner_text()
    page.select_option("#layer", "es5")
    page.locator("#ladder svg a").nth(1).click()  # an APDU: the filter gives way
    until(page, "document.querySelectorAll('.panel').length === 1")
    page.keyboard.press("j")
    page.keyboard.press("n")
    assert "no response" in page.evaluate("document.activeElement.innerText")
    desk.check(demo)


def test_light_dark_and_print(desk: Desk, demo: Path) -> None:
    page = desk.open(demo)
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(colour)
    assert light != dark
    page.click("#theme")
    assert page.evaluate(colour) == light
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(colour) == dark
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    desk.check(demo)


def test_it_can_be_read_on_a_telephone(desk: Desk, demo: Path) -> None:
    page = desk.open(demo)
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#list .row").nth(5).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    desk.check(demo)


def test_hostile_text_is_text(desk: Desk, tmp_path: Path) -> None:
    path = report(write(tmp_path / "h.jsonl", hostile()))
    page = desk.open(path)
    page.click("#unfold")
    assert page.locator("main script, main img, main textarea").count() == 0
    page.fill("#search", '<script>alert("x")')
    page.wait_for_timeout(250)
    assert page.locator("#list > li").count() >= 6
    assert "<script>" in (page.locator("#list").text_content() or "")
    desk.check(path)


def test_ten_thousand_commands_are_listed_as_one_scrolls(desk: Desk, tmp_path: Path) -> None:
    events = [
        event for at in range(10_000) for event in exchange(at / 100, f"00B0{at >> 8:02X}{at & 255:02X}10", "9000")
    ]
    path = report(write(tmp_path / "trace.jsonl", [*events, command(200.0, "00B0000001")]))
    page = desk.open(path)
    assert page.locator("#list > li").count() < 1000
    page.locator("#more").scroll_into_view_if_needed()
    until(page, "document.querySelectorAll('#list > li').length > 150")
    page.fill("#search", "00b0270f10")
    until(page, "document.querySelector('#count').textContent.startsWith('1 of')")
    page.locator(".findings li", has_text="no response").locator("a").click()
    until(page, "document.querySelectorAll('.panel').length === 1")
    assert page.evaluate("document.activeElement.querySelector('.n').textContent") == "10001"
    desk.check(path)
