# SPDX-License-Identifier: Apache-2.0
"""The page of the JSON interface in a browser that shows a certificate: it works, and asks nobody but its server."""

from __future__ import annotations

from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

from smsr.api.functions import FUNCTIONS
from tests.require import require
from tests.support.serving import Lab, requests_of

require("chromium")

from playwright.sync_api import sync_playwright  # noqa: E402  # after it is known to be there


def test_the_page_shows_every_function(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "pki")
    asked: list[str] = []
    said: list[str] = []
    try:
        url = lab.serve("sm-sr")
        party = lab.folder.path / "operator" / "1"
        shown = {"origin": url, "certPath": str(party / "tls.pem"), "keyPath": str(party / "tls.key")}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
            page = browser.new_context(ignore_https_errors=True, client_certificates=[shown]).new_page()  # type: ignore[list-item]
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(f"{url}/docs")
            page.wait_for_selector(".opblock", timeout=30_000)
            assert page.locator(".opblock").count() == len(requests_of(FUNCTIONS)) + 1  # and one for operations
            page.locator(".opblock", has_text="/es3/CreateISDP").first.click()
            page.wait_for_selector(".opblock.is-open .body-param", timeout=30_000)
            browser.close()
    finally:
        lab.close()
    assert said == []
    assert {urlsplit(each).netloc for each in asked} == {urlsplit(url).netloc}
