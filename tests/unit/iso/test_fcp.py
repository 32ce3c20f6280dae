# SPDX-License-Identifier: Apache-2.0
"""File control parameters: the samples of TS 102 221 cards, read and built, and what is refused."""

from __future__ import annotations

import pytest

from apdu.command.fcp import (
    FcpTemplate,
    FileDescriptor,
    PinStatus,
    PinStatusEntry,
    ProprietaryInformation,
    SecurityReference,
)
from apdu.errors import DecodeError, EncodeError
from apdu.ids import Aid

SAMPLES: dict[str, tuple[str, FcpTemplate]] = {
    "EF.ICCID": (
        "62 1C 8202 4121 8302 2FE2 A503 C00140 8A0105 8B03 2F0603 8002 000A 8801 10",
        FcpTemplate(
            descriptor=FileDescriptor(0x41),
            fid=0x2FE2,
            proprietary=ProprietaryInformation(special=0x40),
            lcs=5,
            security=SecurityReference(0x2F06, 3),
            size=10,
            sfi=2,
        ),
    ),
    "EF.SMS": (
        "62 1E 8205 422100B00A 8302 6F3C A503 C00100 8A0105 8B03 6F0602 8002 06E0 8800",
        FcpTemplate(
            descriptor=FileDescriptor(0x42, record_length=176, records=10),
            fid=0x6F3C,
            proprietary=ProprietaryInformation(special=0),
            lcs=5,
            security=SecurityReference(0x6F06, 2),
            size=1760,
            sfi=0,
        ),
    ),
    "MF": (
        (
            "62 2F 8202 7821 8302 3F00 A509 800171 83040003D090 8A0105 8B03 2F0601 "
            "C60C 900160 83010183010A83010B 8104 00002710"
        ),
        FcpTemplate(
            descriptor=FileDescriptor(0x78),
            fid=0x3F00,
            proprietary=ProprietaryInformation(characteristics=0x71, available_memory=250_000),
            lcs=5,
            security=SecurityReference(0x2F06, 1),
            pin_status=PinStatus((PinStatusEntry(0x01, False), PinStatusEntry(0x0A, True), PinStatusEntry(0x0B, True))),
            total_size=10_000,
        ),
    ),
    "ADF": (
        (
            "62 34 8202 7821 8302 7FD0 840C A0000000871002FF49FF0589 A503 800171 8A0105 8B03 2F0601 "
            "C60F 9001B0 830181830101 83010A83010B"
        ),
        FcpTemplate(
            descriptor=FileDescriptor(0x78),
            fid=0x7FD0,
            name=Aid.from_string("A0000000871002FF49FF0589"),
            proprietary=ProprietaryInformation(characteristics=0x71),
            lcs=5,
            security=SecurityReference(0x2F06, 1),
            pin_status=PinStatus(
                (
                    PinStatusEntry(0x81, True),
                    PinStatusEntry(0x01, False),
                    PinStatusEntry(0x0A, True),
                    PinStatusEntry(0x0B, True),
                )
            ),
        ),
    ),
}


@pytest.mark.parametrize("text, template", SAMPLES.values(), ids=SAMPLES.keys())
def test_samples_read_and_build(text: str, template: FcpTemplate) -> None:
    raw = bytes.fromhex(text)
    assert FcpTemplate.from_tlv(raw) == template
    assert template.encode() == raw


def test_universal_pin_has_its_usage_qualifier_in_front() -> None:
    raw = bytes.fromhex("90 01 C0 83 01 01 95 01 08 83 01 11")
    status = PinStatus((PinStatusEntry(0x01, True), PinStatusEntry(0x11, True, 0x08)))
    assert PinStatus.from_bytes(raw) == status
    assert status.to_bytes() == raw


def test_more_than_eight_references_take_two_status_bytes() -> None:
    entries = tuple(PinStatusEntry(0x01 + n, n in (0, 8)) for n in range(9))
    raw = PinStatus(entries).to_bytes()
    assert raw[:4] == bytes.fromhex("90 02 80 80")
    assert PinStatus.from_bytes(raw).entries == entries


def test_ber_tlv_file_announces_reserved_and_maximum_size() -> None:
    inner = ProprietaryInformation(details=1, reserved_size=0x400, maximum_size=0x10000, special=0)
    assert inner.value() == bytes.fromhex("840101 85020400 8603010000 C00100")
    assert ProprietaryInformation.decode(inner.value()) == inner


def test_security_environments_in_pairs() -> None:
    reference = SecurityReference.from_bytes(bytes.fromhex("2F06 01 03 00 02"))
    assert reference == SecurityReference(0x2F06, 0, ((1, 3), (0, 2)))
    assert reference.to_bytes() == bytes.fromhex("2F06 01 03 00 02")


@pytest.mark.parametrize(
    "what, text",
    [
        ("descriptor of three bytes", "62 0B 8203 412100 8302 2FE2 8A0105"),
        ("descriptor missing", "62 07 8302 2FE2 8A0105"),
        ("life cycle before the identifier", "62 0B 8202 4121 8A0105 8302 2FE2"),
        ("short file identifier with low bits", "62 0A 8202 4121 8A0105 8801 11"),
        ("reference of two bytes", "62 0B 8202 4121 8A0105 8B02 2F06"),
        ("descriptor of four bytes", "62 09 8204 42210000 8A0105"),
        ("size of nine bytes", "62 12 8202 4121 8A0105 8009 000000000000000001"),
        ("unknown object in a PIN status", "62 10 8202 7821 8A0105 C607 900180 84020101"),
        ("PIN status without 90", "62 0C 8202 7821 8A0105 C603 830101"),
        ("more references than bits", "62 26 8202 7821 8A0105 C61D 9000" + "830101" * 9),
    ],
)
def test_broken_templates_are_refused(what: str, text: str) -> None:
    with pytest.raises(DecodeError):
        FcpTemplate.from_tlv(bytes.fromhex(text))


def test_short_file_identifier_out_of_range_is_not_built() -> None:
    with pytest.raises(EncodeError):
        FcpTemplate(descriptor=FileDescriptor(0x41), lcs=5, sfi=31).encode()


@pytest.mark.parametrize("byte, directory", [(0x78, True), (0x38, True), (0x41, False), (0x79, False), (0x42, False)])
def test_which_descriptor_is_a_directory(byte: int, directory: bool) -> None:
    assert FileDescriptor(byte).is_directory is directory
