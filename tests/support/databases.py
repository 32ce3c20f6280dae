# SPDX-License-Identifier: Apache-2.0
"""Databases for tests: a SQLite file, and PostgreSQL in a cluster of its own that listens on a socket only.

The cluster runs without fsync: what these tests prove is what transactions do, not what a disk does.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import create_engine, text

from tests.require import require

KINDS: Final = ("sqlite", "postgres")
_OWNER: Final = "postgres"
"""Debian's user: the server refuses to run as root."""
_OPTIONS: Final = "-c fsync=off -c listen_addresses= -c max_connections=100 -c shared_buffers=32MB"


def _binaries() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]


class Cluster:
    """A PostgreSQL server of this process."""

    def __init__(self, options: str = _OPTIONS) -> None:
        self._owner = pwd.getpwnam(_OWNER) if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self._folder = Path(tempfile.mkdtemp(prefix="euicc-postgres-", dir="/tmp"))
        os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)
        self._bin = _binaries()
        self._data = str(self._folder / "data")
        self._numbers = itertools.count()
        self._run("initdb", "-D", self._data, "-U", "euicc", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"{options} -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        who: dict[str, object] = {}
        if os.getuid() == 0:
            who = {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(  # type: ignore[call-overload]
            command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=60, check=False, **who,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout.decode()

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://euicc@/{name}?host={self._folder}"

    def create(self) -> str:
        """A new, empty database: its URL."""
        name = f"test_{next(self._numbers)}"
        engine = create_engine(self.url("postgres").replace(":", "+psycopg:", 1), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)

    def close(self) -> None:
        """End the server and remove what it wrote."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder)


MakeUrl = Callable[[], str]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The PostgreSQL server of this run."""
    require("postgres")
    server = Cluster()
    yield server
    server.close()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/server.db"
    server: Cluster = request.getfixturevalue("cluster")
    return server.create()
