# SPDX-License-Identifier: Apache-2.0
"""The configuration files of a lab's servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.lab.layout import HOST, NUMBER, Lab

__all__ = ["write_configs"]

_TIMES: Final = {"sms_timeout": 15, "reach": 60, "patience": 90, "notification": 90}
"""Seconds: nothing here takes as long as it may in a real network."""
_LEASE: Final = 10
"""Seconds after which what a server that was killed left undone is taken up."""


def write_configs(lab: Lab) -> None:
    """smsr.toml and smdp.toml; paths in them are relative to the folder."""
    ports = lab.ports
    sm_dp = _partner(lab, "sm-dp", "SM-DP", url=_url(ports.sm_dp))
    sm_sr = _partner(lab, "sm-sr", "SM-SR", url=_url(ports.sm_sr))
    operator = _partner(lab, "operator", "operator", url=_url(ports.operator))
    eum = _partner(lab, "eum", "EUM", transport_key="eum.transport")
    ota = _table(
        "[ota]",
        {
            "listen": f"{HOST}:{ports.cards}",
            "number": NUMBER,
            "smsc": f"{HOST}:{ports.smsc}",
            "system_id": NUMBER.removeprefix("+"),  # an SMSC knows whose number it is before anything was sent
            **_TIMES,
        },
    )
    _write(lab.sm_sr, _server("sm-sr", "smsr", ports.sm_sr, ports.sm_sr_plain), ota, eum, sm_dp, operator)
    _write(lab.sm_dp, _server("sm-dp", "smdp", ports.sm_dp, ports.sm_dp_plain), sm_sr, operator)


def _url(port: int) -> str:
    return f"https://{HOST}:{port}"


def _server(name: str, stem: str, port: int, plain: int) -> str:
    return _table(
        "[server]",
        {
            "name": name,
            "pki": "pki",
            "master_key": f"{stem}.master",
            "listen": f"{HOST}:{port}",
            "plain": f"{HOST}:{plain}",
            "database": f"sqlite:///{stem}.db",
            "lease": _LEASE,
        },
    )


def _partner(lab: Lab, party: str, role: str, **more: str) -> str:
    return _table("[[partner]]", {"oid": str(lab.oid(party)), "role": role, "name": party, **more})


def _table(head: str, values: Mapping[str, str | int]) -> str:
    """Texts here are without anything that TOML escapes."""
    rows = (f"{name} = {value}" if isinstance(value, int) else f'{name} = "{value}"' for name, value in values.items())
    return "\n".join((head, *rows, ""))


def _write(path: Path, *tables: str) -> None:
    path.write_text("\n".join(tables), "utf-8")
