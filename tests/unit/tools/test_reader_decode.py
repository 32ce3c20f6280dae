# SPDX-License-Identifier: Apache-2.0
"""Decoders of files. Networks and names are coded by pycrate, rules and numbers by hand from the specifications."""

from __future__ import annotations

from typing import Any

import pytest
from pycrate_mobile.TS24008_IE import PLMN

from apdu.errors import DecodeError
from tools.reader.decode import can_decode, decode


def plmn(digits: str) -> str:
    """Three bytes of a network, coded by pycrate."""
    coded = PLMN()
    coded.encode(digits)
    raw: bytes = coded.to_bytes()
    return raw.hex()


FILLER = "FF" * 3


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("ef-iccid", "98001032547698103214", {"iccid": "89000123456789012341"}),
        ("ef-imsi", "080910101032547698", {"imsi": "001010123456789"}),
        ("ef-spn", "014D32FF", {"name": "M2", "show_registered_plmn": True, "hide_in_service_provider_plmn": False}),
        ("ef-pl", "656E6465FFFF", {"languages": ["en", "de"]}),
        ("ef-dir", "61124F0CA0000000871002FF49FF058950024F4BFFFF", {"aid": "A0000000871002FF49FF0589", "label": "OK"}),
        ("ef-dir", "FFFF", {}),
        ("ef-msisdn", "4D65FFFF" + "0691214365F7FFFFFFFFFFFFFFFF", {"name": "Me", "number": "+1234567"}),
        ("ef-fdn", "4D65" + "03812143FFFFFFFFFFFFFFFFFFFF", {"name": "Me", "number": "1234"}),
        ("ef-fdn", "FF" * 16, {"name": "", "number": None}),
        ("ef-ecc", "11F2FF" + "534F53FF" + "01", {"number": "112", "name": "SOS", "category": 1}),
        ("ef-fplmn", plmn("26201") + FILLER + plmn("310410"), {"plmns": ["262-01", "310-410"]}),
        ("ef-ehplmn", FILLER, {"plmns": []}),
        (
            "ef-plmnwact",
            plmn("26201") + "C080" + FILLER + "0000",
            {"plmns": [{"plmn": "262-01", "technologies": ["UTRAN", "E-UTRAN", "GSM"]}]},
        ),
        (
            "ef-loci",
            "01020304" + plmn("00101") + "ABCD" + "FF" + "02",
            {"tmsi": "01020304", "plmn": "001-01", "lac": "ABCD", "status": "PLMN not allowed"},
        ),
        ("ef-ad", "00000102", {"mode": "normal", "ciphering_indicator": True, "mnc_length": 2}),
        ("ef-ad", "800000", {"mode": "type approval", "ciphering_indicator": False}),
        ("ef-hpplmn", "0A", {"minutes": 60}),
        ("ef-acc", "8001", {"access_classes": [0, 15]}),
        ("ef-ust", "0180", {"services": [1, 16]}),
        ("ef-pnn", "430685E8329BFD06FFFF", {"full_name": "hello"}),
        (
            "ef-arr",
            "8001039000 80011AA406830101950108 840132A010A406830101950108A40683010A950108 8001409700 FFFF",
            {
                "rules": [
                    {"allows": ["update", "read"], "if": ["always"]},
                    {"allows": ["activate", "deactivate", "update"], "if": ["code 01"]},
                    {"allows": ["instruction 32"], "if": ["code 01 or code 0A"]},
                    {"allows": ["delete"], "if": ["never"]},
                ]
            },
        ),
    ],
)
def test_what_files_say(name: str, content: str, said: dict[str, Any]) -> None:
    assert decode(name, bytes.fromhex(content)) == said


@pytest.mark.parametrize(
    "name, content",
    [
        ("ef-iccid", "FF"),
        ("ef-imsi", "FF" * 9),
        ("ef-spn", ""),
        ("ef-spn", "01FEFEFE"),
        ("ef-msisdn", "FFFF"),
        ("ef-ad", "00"),
        ("ef-loci", "0102"),
        ("ef-arr", "80"),
        ("ef-hpplmn", ""),
    ],
)
def test_contents_that_are_none(name: str, content: str) -> None:
    with pytest.raises(DecodeError):
        decode(name, bytes.fromhex(content))


def test_secrets_have_no_decoder() -> None:
    assert not can_decode("ef-keys")
    assert not can_decode("ef-keysps")
