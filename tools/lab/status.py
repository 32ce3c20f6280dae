# SPDX-License-Identifier: Apache-2.0
"""`euicc status`: every part of a lab, its health and its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tools.jsonerror import answered
from tools.lab.health import Health, look
from tools.lab.layout import Lab, open_lab
from tools.lab.state import read_state

__all__ = ["show"]


def show(path: Path, *, as_json: bool) -> bool:
    """Print it; whether everything works."""
    lab = open_lab(path)
    found = look(lab)
    processes = (read_state(lab.run("up")) or {}).get("parts", {})
    if as_json:
        click.echo(json.dumps(_values(lab, found, processes), indent=2))
        answered()
    else:
        click.echo("\n".join(_lines(lab, found, processes)))
    return all(each.ready for each in found)


def _values(lab: Lab, found: list[Health], processes: dict[str, Any]) -> dict[str, Any]:
    parts = {
        each.name: {
            "ready": each.ready,
            "reason": each.reason,
            "where": each.where,
            "process": processes.get(each.name, {}),
            "figures": each.figures,
        }
        for each in found
    }
    return {"lab": str(lab.path), "ready": all(each.ready for each in found), "parts": parts}


def _lines(lab: Lab, found: list[Health], processes: dict[str, Any]) -> list[str]:
    lines = [f"lab       {lab.path}"]
    for each in found:
        mark = "✓" if each.ready else "✗"
        process = processes.get(each.name, {})
        restarts = f"started again {process['restarts']} times" if process.get("restarts") else ""
        figures = (f"{name.replace('_', ' ')} {value:g}" for name, value in each.figures.items() if name != "each")
        said = ", ".join(filter(None, (each.reason, restarts, *figures)))
        lines.append(f"{mark} {each.name:9} {each.where:16} {said}")
        lines += [_device(device) for device in each.figures.get("each", ())]
    return lines


def _device(device: dict[str, Any]) -> str:
    said = (
        f"ICCID {device['iccid']}" if device["iccid"] else "no USIM",
        device["number"] or "no number",
        device["service"],
        "bound" if device["bound"] else "not bound",
        device["error"],
    )
    return f"  {device['eid']}  {', '.join(filter(None, said))}"
