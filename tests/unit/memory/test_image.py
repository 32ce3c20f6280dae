# SPDX-License-Identifier: Apache-2.0
"""The card image: one process, one file, and never harmed by being looked at."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.memory.image import ImageBackend, ImageError
from tests.require import ROOT


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "one.card"
    with ImageBackend.create(path) as backend:
        backend.commit({"key": b"a value that is known", "other": bytes(5_000)})
    return path


def files(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.parent.iterdir()}


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def sql(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_clean_close_leaves_one_file_for_its_owner_only(image: Path) -> None:
    old = os.umask(0)
    try:
        path = image.with_name("two.card")
        with ImageBackend.create(path) as backend:
            backend.commit({"a": b"1"})
            assert {each.stat().st_mode & 0o777 for each in path.parent.glob("two.card*")} == {0o600}
    finally:
        os.umask(old)
    assert sorted(each.name for each in image.parent.iterdir()) == ["one.card", "two.card"]


def test_what_exists_is_not_overwritten(image: Path) -> None:
    before = files(image)
    with pytest.raises(ImageError, match="exists: name another file"):
        ImageBackend.create(image)
    assert files(image) == before


def _text(path: Path) -> None:
    path.write_bytes(b"something else\n" * 100)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4097])


def _flip_value(path: Path) -> None:
    data = path.read_bytes()
    assert data.count(b"a value that is known") == 1
    path.write_bytes(data.replace(b"a value that is known", b"a value that is wrong"))


def _zero_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)


DAMAGES: list[tuple[str, Callable[[Path], object]]] = [
    ("is not a card image", _text),
    ("is not a card image", lambda path: path.write_bytes(b"")),
    ("is not a card image", lambda path: path.write_bytes(path.read_bytes()[:99])),
    ("is not a card image", lambda path: sql(path, "PRAGMA application_id = 1")),
    ("newer version", lambda path: sql(path, "PRAGMA user_version = 2")),
    ("newer version", lambda path: sql(path, "UPDATE format SET card = 'm2m-euicc card 2'")),
    ("newer version", lambda path: sql(path, "DELETE FROM format")),
    ("is damaged", lambda path: sql(path, "DROP TABLE item")),
    ("is damaged", lambda path: sql(path, "UPDATE item SET value = 'text'")),
    ("is damaged", _flip_value),
    ("is damaged", _zero_page),
    ("is damaged", _cut),
]


@pytest.mark.parametrize("message, harm", DAMAGES, ids=map(str, range(len(DAMAGES))))
def test_what_is_no_good_image_is_refused_and_left_as_it_is(
    image: Path, message: str, harm: Callable[[Path], object]
) -> None:
    harm(image)
    before = files(image)
    with pytest.raises(ImageError, match=message) as caught:
        ImageBackend(image)
    assert str(image) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(image) == before


def test_a_file_that_is_not_there_a_folder_and_a_device(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist: make it with"):
        ImageBackend(tmp_path / "none.card")
    with pytest.raises(ImageError, match="cannot be opened: is a directory"):
        ImageBackend(tmp_path)
    with pytest.raises(ImageError, match="is not a card image"):
        ImageBackend(Path("/dev/null"))
    with pytest.raises(ImageError, match="cannot be made"):
        ImageBackend.create(tmp_path / "none" / "a.card")
    assert list(tmp_path.iterdir()) == []


OPEN = """
import sys
from pathlib import Path
from emulator.memory.image import ImageBackend, ImageError
try:
    ImageBackend(Path(sys.argv[1]))
except ImageError as error:
    print(error)
"""


def test_a_second_process_is_refused_and_may_have_it_afterwards(image: Path) -> None:
    with ImageBackend(image) as backend:
        refused = run(OPEN, image)
        assert "in use by another process" in refused.stdout
        backend.commit({"a": b"1"})
        with pytest.raises(ImageError, match="in use"):
            ImageBackend(image)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sql(image, "DELETE FROM item")
        assert backend.get("a") == b"1"
    assert run(OPEN, image).stdout == ""


def test_another_program_that_has_it_is_named(image: Path) -> None:
    connection = sqlite3.connect(image, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("DELETE FROM item")
    with pytest.raises(ImageError, match="in use by another program"):
        ImageBackend(image)
    connection.execute("ROLLBACK")
    connection.close()
    with ImageBackend(image) as backend:
        assert backend.get("key") == b"a value that is known"


CUT = """
import os, sys
from pathlib import Path
from emulator.memory.image import ImageBackend
left = int(sys.argv[2])
def hook(moment):
    global left
    if not left:
        print(moment.name, flush=True)
        os._exit(9)
    left -= 1
backend = ImageBackend(Path(sys.argv[1]), hook)
backend.commit({"key": b"new", "more": bytes(9000), "other": None})
backend.commit({"last": b"1"})
os._exit(0)
"""


def test_a_process_that_ends_at_any_moment_of_a_commit(image: Path) -> None:
    start = {"key": b"a value that is known", "other": bytes(5_000)}
    then = {"key": b"new", "more": bytes(9_000)}
    states = [start, then, {**then, "last": b"1"}]
    original = image.read_bytes()
    reached = [0]
    for cut in range(100):
        image.write_bytes(original)
        done = run(CUT, image, cut)
        with ImageBackend(image) as backend:
            reached.append(states.index(dict(backend.items(""))))
        assert [each.name for each in image.parent.iterdir()] == ["one.card"]
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
    else:
        pytest.fail("the commits do not end")
    assert reached == sorted(reached)
    assert {*reached} == {0, 1, 2}


def test_damage_that_is_found_after_a_crash_leaves_both_files_as_they_are(image: Path) -> None:
    assert run(CUT, image, 9).stdout == "SWAP\n"
    log = image.with_name("one.card-wal")
    log.write_bytes(log.read_bytes()[:100])  # a torn log ends where it is torn; the file before it is damaged
    _zero_page(image)
    before = files(image)
    with pytest.raises(ImageError, match="is damaged"):
        ImageBackend(image)
    assert files(image) == before


def test_a_write_that_fails_changes_nothing(image: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from emulator.memory.image import ImageBackend, ImageError
backend = ImageBackend(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
try:
    backend.commit({"key": b"new", "large": bytes(100_000)})
except ImageError as error:
    print(error)
print(backend.get("key"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
backend.commit({"again": b"1"})
backend.close()
"""
    done = run(code, image)
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert "b'a value that is known'" in done.stdout
    with ImageBackend(image) as backend:
        assert dict(backend.items("")) == {
            "again": b"1",
            "key": b"a value that is known",
            "other": bytes(5_000),
        }
