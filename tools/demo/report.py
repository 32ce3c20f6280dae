# SPDX-License-Identifier: Apache-2.0
"""What a run tells: its steps, and where every component stands at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from apdu.ids import Aid, Eid, Iccid, Imsi
from tools.meter import Usage

__all__ = [
    "CardStatus",
    "DomainStatus",
    "Json",
    "NetworkStatus",
    "Report",
    "SmDpStatus",
    "SmSrStatus",
    "Status",
    "Step",
    "to_json",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that was taken: what came of it, how long it took, how many APDUs crossed the reader."""

    name: str
    detail: str
    seconds: float
    apdus: int
    operations: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainStatus:
    """An ISD-P as the card reports it, and the ICCID that the SM-SR knows for it."""

    aid: Aid
    state: str
    iccid: Iccid | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStatus:
    """The card, from the audit."""

    eid: Eid
    atr: bytes
    isd_ps: tuple[DomainStatus, ...]
    memory: int
    free_memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SmSrStatus:
    """What the SM-SR's EIS says."""

    oid: str
    cards: int
    iccid: Iccid
    state: str
    imsi: Imsi | None
    free_memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SmDpStatus:
    """The profile that the SM-DP prepared."""

    oid: str
    profile: str
    iccid: Iccid
    elements: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkStatus:
    """What the network knows of the subscriber."""

    imsi: Imsi
    algorithm: str
    attached: bool
    resynchronised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Every component."""

    card: CardStatus
    sm_sr: SmSrStatus
    sm_dp: SmDpStatus
    network: NetworkStatus


@dataclass(slots=True)
class Report:
    """What is known of a run so far."""

    bearer: str = ""
    eid: Eid | None = None
    steps: list[Step] = field(default_factory=list)
    status: Status | None = None


# --- as JSON

_DIGITS: Final = 6
"""Of seconds: microseconds."""


def to_json(report: Report, error: str | None = None, *, timings: bool = False) -> dict[str, Json]:
    """The one object of `--json`; `error` says why the run ended early."""
    steps: list[Json] = [_step(step, timings) for step in report.steps]
    answer: dict[str, Json] = {
        "ok": error is None,
        "bearer": report.bearer,
        "eid": None if report.eid is None else str(report.eid),
        "steps": steps,
        "status": None if report.status is None else _status(report.status),
    }
    return answer if error is None else {**answer, "error": error}


def _step(step: Step, timings: bool) -> Json:
    shown: dict[str, Json] = {"name": step.name, "seconds": round(step.seconds, _DIGITS), "apdus": step.apdus}
    if timings:
        shown["operations"] = [
            {"name": usage.operation.value, "count": usage.count, "seconds": round(usage.seconds, _DIGITS)}
            for usage in step.operations
        ]
    return shown


def _status(status: Status) -> Json:
    card, sm_sr, sm_dp, network = status.card, status.sm_sr, status.sm_dp, status.network
    return {
        "card": {
            "eid": str(card.eid),
            "atr": card.atr.hex().upper(),
            "isd_ps": [
                {"aid": str(domain.aid), "state": domain.state, "iccid": _text(domain.iccid)} for domain in card.isd_ps
            ],
            "memory": card.memory,
            "free_memory": card.free_memory,
        },
        "sm_sr": {
            "oid": sm_sr.oid,
            "cards": sm_sr.cards,
            "iccid": str(sm_sr.iccid),
            "state": sm_sr.state,
            "imsi": _text(sm_sr.imsi),
            "free_memory": sm_sr.free_memory,
        },
        "sm_dp": {
            "oid": sm_dp.oid,
            "profile": sm_dp.profile,
            "iccid": str(sm_dp.iccid),
            "elements": sm_dp.elements,
            "size": sm_dp.size,
        },
        "network": {
            "imsi": str(network.imsi),
            "algorithm": network.algorithm,
            "attached": network.attached,
            "resynchronised": network.resynchronised,
        },
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
