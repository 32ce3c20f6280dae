# SPDX-License-Identifier: Apache-2.0
"""The access rules that the templates refer to, as records of EF_ARR (SAIP 9.1, TS 102 221 9.2.7)."""

from __future__ import annotations

from typing import Final

__all__ = ["ACCESS_RULES", "ef_arr"]

ACCESS_RULES: Final = tuple(
    map(
        bytes.fromhex,
        (
            "8001019000 800102A406830101950108 800158A40683010A950108",  # 1 read always, update PIN1, rest ADM1
            "800101A406830101950108 80015AA40683010A950108",  # 2 read PIN1, rest ADM1
            "80015BA40683010A950108",  # 3 everything ADM1
            "8001019000 80011A9700 800140A40683010A950108",  # 4 read always, delete ADM1, rest never
            "800103A406830101950108 800158A40683010A950108",  # 5 read and update PIN1, rest ADM1
            "800111A406830101950108 80014AA40683010A950108",  # 6 read and activate PIN1, rest ADM1
            "800103A406830101950108 800158A40683010A950108 840132A406830101950108",  # 7 as 5, INCREASE PIN1
            "800101A406830101950108 800102A406830181950108 800158A40683010A950108",  # 8 read PIN1, update PIN2
            "8001019000 80011AA406830101950108 800140A40683010A950108",  # 9 read always, delete ADM1, rest PIN1
            "8001019000 80015AA40683010A950108",  # 10 read always, rest ADM1
            "8001019000 800118A40683010A950108 8001429700",  # 11 read always, update and delete never, rest ADM1
            "800101A406830101950108 80015A9700",  # 12 read PIN1, rest never
            "800113A406830101950108 800148A40683010A950108",  # 13 read, update, activate PIN1, rest ADM1
            "80015EA40683010A950108",  # 14 directories: ADM1
        ),
    )
)
"""Record n is ACCESS_RULES[n - 1]."""


def ef_arr(*, numbers: tuple[int, ...] = tuple(range(1, 15))) -> tuple[int, bytes]:
    """Record length and content of an EF_ARR that holds these rules, in this order."""
    length = max(map(len, ACCESS_RULES))
    return length, b"".join(ACCESS_RULES[number - 1].ljust(length, b"\xff") for number in numbers)
