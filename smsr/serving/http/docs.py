# SPDX-License-Identifier: Apache-2.0
"""The interface as documents: /openapi.json, and a page that shows it without asking any other host."""

from __future__ import annotations

import html
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from swagger_ui_bundle import swagger_ui_path

from smsr.serving.http.answers import JSON, Answer
from smsr.serving.http.openapi import openapi
from smsr.serving.http.site import Site

__all__ = ["documents"]

_POLICY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script>
</html>
"""
_SCRIPT: Final = b"""SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#page", deepLinking: true, docExpansion: "list", defaultModelsExpandDepth: 0,
  validatorUrl: null, tryItOutEnabled: true
});
"""
_STYLE, _CODE = "text/css; charset=utf-8", "text/javascript; charset=utf-8"


def documents(site: Site) -> Mapping[str, Answer]:
    """The documents of a site by their paths."""

    def vendored(name: str, type: str) -> Answer:
        return Answer(HTTPStatus.OK, (swagger_ui_path / name).read_bytes(), type)

    page = _PAGE.format(title=html.escape(site.title)).encode()
    return {
        "/openapi.json": Answer(HTTPStatus.OK, msgspec.json.encode(openapi(site)), JSON),
        "/docs": Answer(HTTPStatus.OK, page, "text/html; charset=utf-8", _POLICY),
        "/docs/page.js": Answer(HTTPStatus.OK, _SCRIPT, _CODE),
        "/docs/swagger-ui.css": vendored("swagger-ui.css", _STYLE),
        "/docs/swagger-ui-bundle.js": vendored("swagger-ui-bundle.js", _CODE),
    }
