# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL for a benchmark: databases in a server that is there, or in one of the benchmark's own, as it comes."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from sqlalchemy import URL, Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tools.bench.servers.provisioning import Databases
from tools.errors import ToolError

__all__ = ["AUTOMATIC", "Postgres", "postgres"]

AUTOMATIC: Final = "auto"
_OWNER: Final = "postgres"
"""Debian's user: the server refuses to run as root."""
_NAMES: Final = ("euicc_bench_sm_sr", "euicc_bench_sm_dp")
_SETTINGS: Final = ("server_version", "fsync", "synchronous_commit")


class Postgres(NamedTuple):
    """Two empty databases, and what matters of their server's settings."""

    databases: Databases
    settings: str


@contextmanager
def postgres(where: str) -> Iterator[Postgres]:
    """For a URL, or `auto`; ToolError."""
    if where == AUTOMATIC:
        with _cluster() as url, _databases(url) as made:
            yield made
        return
    try:
        url = make_url(where)
    except ArgumentError:
        raise ToolError(f"--postgresql {where}: give postgresql://USER@HOST/DATABASE, or auto") from None
    with _databases(url) as made:
        yield made


@contextmanager
def _databases(url: URL) -> Iterator[Postgres]:
    try:
        engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    except ModuleNotFoundError:
        raise ToolError("--postgresql needs psycopg, which is not installed: m2m-euicc[postgresql]") from None
    try:
        with engine.connect() as connection:
            settings = ", ".join(f"{name} {_show(connection, name)}" for name in _SETTINGS)
            for name in _NAMES:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
            try:
                sm_sr, sm_dp = (url.set(database=name).render_as_string(hide_password=False) for name in _NAMES)
                yield Postgres(Databases(sm_sr=sm_sr, sm_dp=sm_dp), settings)
            finally:
                for name in _NAMES:
                    connection.exec_driver_sql(f"DROP DATABASE {name}")
    except SQLAlchemyError as error:
        raise ToolError(f"PostgreSQL cannot be used: {str(error).splitlines()[0]}") from None
    finally:
        engine.dispose()


def _show(connection: Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())


@contextmanager
def _cluster() -> Iterator[URL]:
    """A server with its own defaults, which are durable, that listens on a socket in its folder only."""
    found = shutil.which("initdb") or next(iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))), "")
    if not found:
        raise ToolError("no PostgreSQL server is installed (Debian: postgresql): give --postgresql URL")
    owner = pwd.getpwnam(_OWNER) if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    with TemporaryDirectory(prefix="euicc-bench-") as folder:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = f"{folder}/data"
        _run(found, owner, "-D", data, "-U", "euicc", "-A", "trust", "-E", "UTF8")
        control = str(Path(found).with_name("pg_ctl"))
        options = f"-c listen_addresses= -c unix_socket_directories={folder}"
        _run(control, owner, "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield make_url(f"postgresql://euicc@/postgres?host={folder}")
        finally:
            _run(control, owner, "-D", data, "-m", "fast", "-w", "stop")


def _run(program: str, owner: pwd.struct_passwd, *arguments: str) -> None:
    as_owner = os.getuid() == 0
    done = subprocess.run(
        [program, *arguments],
        cwd="/tmp",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        user=owner.pw_uid if as_owner else None,
        group=owner.pw_gid if as_owner else None,
        extra_groups=[] if as_owner else None,
    )
    if done.returncode:
        raise ToolError(f"{Path(program).name} failed: {done.stdout.decode('utf-8', 'replace').strip()[-200:]}")
