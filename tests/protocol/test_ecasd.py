# SPDX-License-Identifier: Apache-2.0
"""The ECASD: identity, certificate, and that nothing reaches its secrets (SGP.02 v4.2 2.2.1.2, 2.2.2)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from apdu.keys.ec import Curve
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab

ECASD = "A0000005591010FFFFFFFF8900000200"
SELECT = f"00A4040010{ECASD}00"
EID = "89001012012341234012345678901224"


def test_cc_ec_01_the_eid(lab: Lab) -> None:
    assert lab.send(SELECT) == f"6F1A8410{ECASD}A50673009F6501FF9000"
    assert lab.send("80CA005A00") == f"5A10{EID}9000"
    assert lab.send("00CA005A00") == f"{EID}9000"


def test_cc_ec_01_the_eid_on_a_supplementary_channel(lab: Lab) -> None:
    """The exchange of card.md 12.1, as a terminal does it."""
    assert lab.send("0070000001") == "019000"
    assert lab.send(f"01A4040010{ECASD}") == "611C"
    assert lab.send("01C000001C")[-4:] == "9000"
    assert lab.send("01CA005A01") == "6C10"
    assert lab.send("01CA005A10") == f"{EID}9000"
    assert lab.send("00708001") == "9000"


def test_cc_ec_02_check_digits(lab: Lab) -> None:
    lab.send(SELECT)
    digits = lab.send("00CA005A00")[:-4]
    assert len(digits) == 32
    assert digits.startswith("89")
    assert int(digits) % 97 == 1


@pytest.mark.parametrize("curve", [Curve.P256, Curve.BRAINPOOL_P256R1])
def test_cc_ec_03_the_certificate_verifies(make_lab: MakeLab, curve: Curve) -> None:
    lab = make_lab(curve=curve)
    lab.send(SELECT)
    answer = bytes.fromhex(lab.send("80CA7F2100"))
    certificate, sw = answer[:-2], answer[-2:]
    assert sw == b"\x90\x00"
    assert certificate[:3] == b"\x7f\x21\x81"
    assert certificate[3] == len(certificate) - 4
    signed, signature = certificate[4:-67], certificate[-67:]
    assert signature[:3] == b"\x5f\x37\x40"
    assert b"\x5f\x20\x10" + bytes.fromhex(EID) in signed  # 5F20: the EID inside is that of 5A
    assert b"\x95\x02\x00\x80" in signed  # key agreement
    assert signed[-3:] == bytes((0xF0, 0x01, curve))  # curve reference
    issuer = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1() if curve is Curve.P256 else ec.BrainpoolP256R1(), lab.eum_key.public_key.to_point()
    )
    r, s = int.from_bytes(signature[3:35], "big"), int.from_bytes(signature[35:], "big")
    issuer.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))


def test_the_isd_r_hands_on_what_the_ecasd_holds(lab: Lab) -> None:
    lab.send(SELECT)
    certificate = lab.send("80CA7F2100")[:-4]
    recognition = lab.send("80CA006600")[:-4]
    lab.send("00A4040010A0000005591010FFFFFFFF890000010000")
    both = certificate + recognition
    assert lab.send("80CABF30045C027F2100") == f"BF3081{len(certificate) // 2:02X}{certificate}9000"
    assert lab.send("80CABF30035C016600") == f"BF30{len(recognition) // 2:02X}{recognition}9000"
    whole = f"BF3082{len(both) // 2:04X}{both}"  # more than 256 bytes: in pieces
    rest = len(whole) // 2 - 256
    assert lab.send("80CABF30055C037F216600") == f"{whole[:512]}61{rest:02X}"
    assert lab.send(f"00C00000{rest:02X}") == f"{whole[512:]}9000"
    assert lab.send("80CABF30055C037F2166") == "6100"
    assert lab.send("00C0000000") == f"{whole[:512]}61{rest:02X}"
    assert lab.send("00C0000001") == f"{whole[512:514]}61{rest - 1:02X}"
    assert lab.send("80CABF300000055C037F21660000") == f"{whole}9000"


@pytest.mark.parametrize(
    "command, answer",
    [
        ("80CABF3000", "6A80"),  # no tag list
        ("80CABF30025C0000", "6A88"),
        ("80CABF30035C015A00", "6A88"),
        ("80CABF30045C037F2100", "6A80"),  # longer than its parent
        ("80CABF30045D027F2100", "6A80"),
        ("80CABF30035C017F00", "6A80"),  # ends inside a tag
        ("80CABF30085C027F215C027F2100", "6A80"),
    ],
)
def test_queries_of_the_certificate_store_that_are_wrong(lab: Lab, command: str, answer: str) -> None:
    lab.send("00A4040010A0000005591010FFFFFFFF890000010000")
    assert lab.send(command) == answer


@pytest.mark.parametrize("select", [SELECT, "00A4040010A0000005591010FFFFFFFF890000010000"])
def test_cc_ec_04_no_secret_leaves_the_card(lab: Lab, select: str) -> None:
    """GET DATA of every tag, in both classes, as a plain command: neither SK.ECASD nor any key of the ISD-R comes."""
    scalar = lab.card.registry.ecasd.private_key
    keys = [key.reveal() for key in (lab.keys.enc, lab.keys.mac, lab.keys.dek)]
    keys += [key.reveal() for key in (lab.made.scp80.enc, lab.made.scp80.mac, lab.made.scp80.dek, *lab.made.scp81[1:])]
    secrets = [scalar, *keys]
    lab.send(select)
    transmit = lab.card.transmit
    answered = 0
    for cla in (0x00, 0x80):
        for tag in range(0x10000):
            answer = transmit(bytes((cla, 0xCA, tag >> 8, tag & 0xFF, 0x00)))
            if len(answer) > 2:
                answered += 1
                assert not any(secret in answer for secret in secrets), f"GET DATA {tag:04X}"
            else:
                refused = answer in (b"\x6a\x88", b"\x6a\x80")
                assert refused or (cla, tag, answer) == (0x00, 0x00E0, b"\x90\x00"), f"GET DATA {tag:04X}"
    assert answered >= 8


REFUSED = [
    ("SET STATUS", f"80F0408010{ECASD}"),
    ("SET STATUS of itself", "80F0808000"),
    ("INSTALL", "80E60C0003000000"),
    ("INSTALL [for personalization]", f"80E6200016000010{ECASD}00000000"),
    ("DELETE", f"80E40000124F10{ECASD}00"),
    ("DELETE ISD-P", f"80E40040124F10{ECASD}00"),
    ("PUT KEY", f"80D8008143308810{'00' * 16}00{'8810' + '00' * 17}{'8810' + '00' * 17}00"),
    ("STORE DATA", "80E288000D00700A4208010203040506070800"),
    ("GET STATUS", "80F24002024F0000"),
]


@pytest.mark.parametrize("name, command", REFUSED)
def test_cc_ec_06_the_ecasd_is_immutable(lab: Lab, name: str, command: str) -> None:
    lab.send(SELECT)
    before = lab.snapshot()
    raw = bytes.fromhex(command)
    if raw[4] > len(raw) - 5:  # as far as Lc goes; what follows must not matter
        raw = raw[:5] + raw[5:].ljust(raw[4], b"\x00")
    assert lab.card.transmit(raw).hex().upper() in ("6985", "6982"), name
    assert lab.snapshot() == before


@pytest.mark.parametrize("command", [c for _, c in REFUSED if c.startswith(("80F0", "80E4", "80D8"))])
def test_cc_ec_06_nor_does_the_isd_r_change_it(lab: Lab, command: str) -> None:
    host = lab.open_isd_r()
    before = lab.snapshot()
    raw = bytes.fromhex(command)
    body = raw[5 : 5 + raw[4]].ljust(raw[4], b"\x00")
    answer = host.command(host.parse(raw[:5].hex() + body.hex() if body else raw[:4].hex() + "00"))
    assert answer.sw in (0x6985, 0x6982)
    assert lab.snapshot() == before


@pytest.mark.parametrize("kvn", ["00", "01", "30", "40", "7F"])
def test_the_ecasd_opens_no_session(lab: Lab, kvn: str) -> None:
    lab.send(SELECT)
    assert lab.send(f"8050{kvn}0008010203040506070800") == "6A88"
    assert lab.send("8482330010" + "00" * 16) == "6985"


@pytest.mark.parametrize("select", ["", "00A40004023F00"])
def test_cc_ec_05_no_service_of_the_ecasd_outside_security_domains(lab: Lab, select: str) -> None:
    """Key establishment, as from a terminal: no RC, no receipt."""
    before = lab.snapshot()
    if select:
        lab.send(select)
    assert lab.send("80E20900053A0102 7F2100") in ("6D00", "6985", "6982")
    for aid in ("A0000005591010FFFFFFFF8900000100", ECASD):
        lab.send(f"00A4040010{aid}00")
        assert lab.send("80E20900053A0102 7F2100") in ("6982", "6985")
    assert lab.snapshot() == before
