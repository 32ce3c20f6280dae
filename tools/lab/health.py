# SPDX-License-Identifier: Apache-2.0
"""How the parts of a lab are: servers by their plain listeners, the others by what they write down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from tools.lab.layout import HOST, Lab
from tools.lab.state import read_state

__all__ = ["NAMES", "Health", "is_ready", "look", "state_pid"]

NAMES: Final = ("smsc", "operator", "sm-sr", "sm-dp", "devices")
_TIMEOUT: Final = 2.0
_MAX_ANSWER: Final = 1 << 22
_PREFIX: Final = "euicc_"


@dataclass(frozen=True, slots=True)
class Health:
    """One part: whether it works, why not, and its figures."""

    name: str
    where: str
    ready: bool
    reason: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


def look(lab: Lab) -> list[Health]:
    """All parts."""
    ports = lab.ports
    return [
        _written(lab, "smsc", f"{HOST}:{ports.smsc}", _centre),
        _served("operator", ports.operator, ports.operator_plain),
        _served("sm-sr", ports.sm_sr, ports.sm_sr_plain),
        _served("sm-dp", ports.sm_dp, ports.sm_dp_plain),
        _written(lab, "devices", "", _devices),
    ]


def is_ready(port: int) -> bool:
    """Whether a server's plain listener says so."""
    return _reason(port) == ""


def state_pid(lab: Lab, name: str) -> int | None:
    """Whose state a part's file is."""
    state = read_state(lab.run(name))
    return None if state is None else state.get("pid")


# --- servers


def _served(name: str, port: int, plain: int) -> Health:
    reason = _reason(plain)
    figures = {} if reason is None else _figures(_get(plain, "/metrics")[1].decode("utf-8", "replace"))
    where = f"{HOST}:{port}"
    return Health(name, where, reason == "", "nobody listens" if reason is None else reason, figures)


def _reason(port: int) -> str | None:
    """Why it is not ready; empty: it is; None: nobody is there."""
    try:
        status, body = _get(port, "/health/ready")
    except urllib3.exceptions.HTTPError:
        return None
    if status == 200:
        return ""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"status {status}"


def _get(port: int, path: str) -> tuple[int, bytes]:
    with urllib3.HTTPConnectionPool(HOST, port, timeout=_TIMEOUT) as pool:
        answer = pool.request("GET", path, retries=False, redirect=False, preload_content=False)
        return answer.status, answer.read(_MAX_ANSWER)


def _figures(text: str) -> dict[str, float]:
    """Gauges and counters, all labels together."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix(_PREFIX)
        if family.type in ("gauge", "counter") and name != family.name and not name.endswith("_created"):
            found[name] = sum(sample.value for sample in family.samples)
    return found


# --- the others


def _written(lab: Lab, name: str, where: str, figures: Callable[[dict[str, Any]], dict[str, Any]]) -> Health:
    state = read_state(lab.run(name))
    if state is None:
        return Health(name, where, ready=False, reason="says nothing")
    return Health(name, where, ready=True, figures=figures(state))


def _centre(state: dict[str, Any]) -> dict[str, Any]:
    return {"sessions": len(state["bound"]), **{name: state[name] for name in ("taken", "delivered", "waiting")}}


def _devices(state: dict[str, Any]) -> dict[str, Any]:
    devices: list[dict[str, Any]] = state["devices"]
    return {
        "devices": len(devices),
        "attached": _count(each["service"] == "normal" for each in devices),
        "bound": _count(each["bound"] for each in devices),
        "sessions": _count(each["session"] for each in devices),
        "commands": sum(each["commands"] for each in devices),
        "failures": sum(each["failures"] for each in devices),
        "each": devices,
    }


def _count(values: Iterable[bool]) -> int:
    return sum(map(bool, values))
