# SPDX-License-Identifier: Apache-2.0
"""ATK-31: documents that fetch others, or make a parser look outside. None is taken, and nobody is asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smsr.kit.soap.envelope import FaultCode
from tests.support.xml import refused, register_text
from tests.unit.soap.samples import BINDING

SECRET = "a line that must not come back"
RPS = "rps:FunctionCallIdentifier"
XI = 'xmlns:xi="http://www.w3.org/2001/XInclude"'

DTDS = {
    "entity of a file": '<!DOCTYPE a [<!ENTITY e SYSTEM "file://{file}">]>',
    "entity of a server": '<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:{port}/e">]>',
    "public entity": '<!DOCTYPE a [<!ENTITY e PUBLIC "p" "http://127.0.0.1:{port}/e">]>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p"> %p;]>',
    "external subset": '<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/a.dtd">',
    "public subset": '<!DOCTYPE a PUBLIC "-//a" "http://127.0.0.1:{port}/a.dtd">',
    "internal entity": '<!DOCTYPE a [<!ENTITY e "text">]>',
    "default attribute": '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]>',
    "notation": '<!DOCTYPE a [<!NOTATION n SYSTEM "http://127.0.0.1:{port}/n">]>',
    "nothing in it": "<!DOCTYPE a>",
    "stylesheet": '<?xml-stylesheet href="http://127.0.0.1:{port}/s.xsl"?>',
    "instruction": "<?php system('id') ?>",
}
BODIES = {
    "xinclude": f'<xi:include {XI} href="http://127.0.0.1:{{port}}/x"/>',
    "xinclude of text": f'<xi:include {XI} parse="text" href="file://{{file}}"/>',
    "an entity of nobody": "&e;",
}
ATTRIBUTES = {
    "schema location": 'xsi:schemaLocation="{uri} http://127.0.0.1:{port}/s.xsd"',
    "no schema location": 'xsi:noNamespaceSchemaLocation="http://127.0.0.1:{port}/s.xsd"',
    "type": 'xsi:type="rps:Other"',
    "nil": 'xsi:nil="true"',
    "base": 'xml:base="http://127.0.0.1:{port}/"',
    "id": 'xml:id="a"',
}
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@contextmanager
def nobody_asks(tmp_path: Path) -> Iterator[dict[str, object]]:
    """A server that must not be asked and a file that must not be read, as values for the payloads."""
    file = tmp_path / "secret"
    file.write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {"port": server.getsockname()[1], "file": file, "uri": "u"}
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def _filled(template: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template


def _refused(text: str | bytes) -> None:
    fault = refused(text)
    assert fault.code is FaultCode.SENDER
    assert SECRET not in fault.reason


@pytest.mark.parametrize("name", DTDS)
@pytest.mark.parametrize("declared", [True, False], ids=["with declaration", "without"])
def test_atk_31_document_types_and_instructions(name: str, declared: bool, tmp_path: Path) -> None:
    head, _, rest = register_text().partition("\n")
    with nobody_asks(tmp_path) as values:
        dtd = _filled(DTDS[name], values)
        use = rest.replace(f"<{RPS}>", f"<{RPS}>&e;", 1) if "ENTITY e" in dtd else rest
        _refused((head if declared else "") + dtd + use)


@pytest.mark.parametrize("name", BODIES)
def test_atk_31_inclusions(name: str, tmp_path: Path) -> None:
    with nobody_asks(tmp_path) as values:
        _refused(register_text().replace(f"<{RPS}>", f"<{RPS}>" + _filled(BODIES[name], values), 1))


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("at", ["env:Envelope", "env:Body", "rps:ES1-RegisterEISRequest", RPS, "rps:Eis", "wsa:To"])
def test_atk_31_attributes_that_mean_something_to_a_parser(name: str, at: str, tmp_path: Path) -> None:
    with nobody_asks(tmp_path) as values:
        changed = register_text().replace(f"<{at}", f"<{at} {XSI} {_filled(ATTRIBUTES[name], values)}", 1)
        assert changed != register_text()
        _refused(changed)


ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037", "utf-8-sig"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_atk_31_document_types_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    _, _, rest = register_text().partition("\n")
    with nobody_asks(tmp_path) as values:
        dtd = _filled(DTDS["entity of a server"], values)
        declared = "utf-8" if encoding == "utf-8-sig" else encoding
        _refused(f'<?xml version="1.0" encoding="{declared}"?>{dtd}{rest}'.encode(encoding))
        _refused((dtd + rest).encode(encoding))


@pytest.mark.parametrize("encoding", ["latin-1", "us-ascii", "utf-16", "EBCDIC-CP-US", "utf-8x"])
def test_atk_31_other_encodings_are_not_taken(encoding: str) -> None:
    _, _, rest = register_text().partition("\n")
    _refused(f'<?xml version="1.0" encoding="{encoding}"?>{rest}')


@pytest.mark.parametrize(
    "head", ["", "\ufeff", "<?xml version='1.0' encoding='utf-8' standalone=\"yes\"?>", "<!-- c -->\n"]
)
def test_what_a_document_may_begin_with(head: str) -> None:
    _, _, rest = register_text().partition("\n")
    assert BINDING.read((head + rest).encode()) == BINDING.read(register_text().encode())
