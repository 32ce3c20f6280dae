# SPDX-License-Identifier: Apache-2.0
"""`euicc card serve` when it cannot: one line that says what to do, exit code 1, the image as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emulator.memory.image import ImageBackend
from tools.cards.serve import parse_address
from tools.cli import main
from tools.errors import ToolError


def serve(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["card", "serve", str(path), *options], prog_name="euicc")


@pytest.mark.parametrize(
    "text, address",
    [
        (None, ("127.0.0.1", 35963)),
        ("reader", ("reader", 35963)),
        ("reader:1", ("reader", 1)),
        (":35964", ("127.0.0.1", 35964)),
        ("[::1]:35964", ("::1", 35964)),
    ],
)
def test_address(text: str | None, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["reader:x", "reader:0", "reader:65536", "reader:-1"])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(ToolError, match="give HOST:PORT"):
        parse_address(text)


def test_images_that_cannot_be_served(tmp_path: Path) -> None:
    path = tmp_path / "one.card"
    for content, reason in ((None, "does not exist: make it with"), (b"no image" * 20, "is not a card image")):
        if content is not None:
            path.write_bytes(content)
        result = serve(path)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert reason in line
        assert (path.read_bytes() if path.exists() else None) == content


def test_a_card_that_was_never_finished(tmp_path: Path) -> None:
    path = tmp_path / "one.card"
    ImageBackend.create(path).close()
    result = serve(path)
    assert result.exit_code == 1
    assert "was never finished: delete the file" in result.stderr


def test_a_locked_image(tmp_path: Path) -> None:
    path = tmp_path / "one.card"
    with ImageBackend.create(path):
        result = serve(path)
    assert result.exit_code == 1
    assert "in use by another process" in result.stderr
