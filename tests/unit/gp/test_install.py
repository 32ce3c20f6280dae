# SPDX-License-Identifier: Apache-2.0
"""INSTALL data fields: captured commands in both directions, and cut short at every byte (card.md 3.8, 4.1, 5.1)."""

from __future__ import annotations

import pytest

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError, EncodeError
from apdu.gp.codes import ISD_P_PRIVILEGES, Privilege
from apdu.gp.install import (
    Install,
    InstallForExtradition,
    InstallForInstall,
    InstallForInstallAndMakeSelectable,
    InstallForLoad,
    InstallForMakeSelectable,
    InstallForPersonalization,
    InstallForRegistryUpdate,
    InstallParameters,
    SystemParameters,
    decode_install,
)
from apdu.gp.sgp02 import SCP03_I70, CreateIsdp
from apdu.ids import ISD_P_LOAD_FILE, ISD_P_MODULE, ISD_R, MNO_SD, Aid

ISD_P_13 = Aid.from_string("A0000005591010FFFFFFFF8900001300")
ISD_P_10 = Aid.isd_p(0x10)

CREATE_ISDP = bytes.fromhex(  # captured (S:whty)
    "80E60C003F 10A0000005591010FFFFFFFF8900000D00 10A0000005591010FFFFFFFF8900000E00"
    "10A0000005591010FFFFFFFF8900001300 0380C000 06C90481020370 00 00"
)
MNO_SD_HEAD = "07A0000001515350 08A000000151535041 08A000000151000000 0382DC20"
PERSONALIZE = bytes.fromhex("80E6200016 0000 10 A0000005591010FFFFFFFF8900001300 000000")

# card.md 3.8 and 4.1; GPCS tables 11-46 to 11-55
CASES: list[tuple[str, Install]] = [
    (
        CREATE_ISDP[5:-1].hex(),
        InstallForInstallAndMakeSelectable(
            load_file=ISD_P_LOAD_FILE,
            module=ISD_P_MODULE,
            instance=ISD_P_13,
            privileges=ISD_P_PRIVILEGES,
            parameters=InstallParameters(application=SCP03_I70),
        ),
    ),
    (PERSONALIZE[5:].hex(), InstallForPersonalization(application=ISD_P_13)),
    (
        f"08{MNO_SD.hex()} 00 10{ISD_P_10.hex()} 00 00 00",
        InstallForExtradition(security_domain=MNO_SD, application=ISD_P_10),
    ),
    (
        f"00 00 08{MNO_SD.hex()} 03 82DC20 00 00",
        InstallForRegistryUpdate(application=MNO_SD, privileges=Privilege(0x82DC20)),
    ),
    (f"00 00 08{MNO_SD.hex()} 00 00 00", InstallForRegistryUpdate(application=MNO_SD)),
    (
        "07A0000001515350 00 00 06 EF04 C6020400 00",
        InstallForLoad(load_file=Aid.from_string("A0000001515350"), parameters=bytes.fromhex("EF04C6020400")),
    ),
    (
        f"00 00 10{ISD_P_10.hex()} 03 80C000 00 00",
        InstallForMakeSelectable(instance=ISD_P_10, privileges=ISD_P_PRIVILEGES),
    ),
    (
        f"{MNO_SD_HEAD} 19C900 EF0AC7020000C80400010000 EA09800701000004200A0A00",
        InstallForInstall(
            load_file=Aid.from_string("A0000001515350"),
            module=Aid.from_string("A000000151535041"),
            instance=MNO_SD,
            privileges=Privilege(0x82DC20),
            parameters=InstallParameters(
                application=b"",
                system=SystemParameters(volatile_quota=0, nonvolatile_quota=0x10000),
                uicc=bytes.fromhex("800701000004200A0A"),
            ),
        ),
    ),
]


@pytest.mark.parametrize("data, value", CASES)
def test_data_field_both_ways(data: str, value: Install) -> None:
    raw = bytes.fromhex(data)
    assert decode_install(value.P1, raw) == value
    assert value.encode() == raw


@pytest.mark.parametrize("data, value", CASES)
def test_cut_short_or_too_long_is_refused(data: str, value: Install) -> None:
    raw = bytes.fromhex(data)
    for end in range(len(raw)):
        with pytest.raises(DecodeError):
            decode_install(value.P1, raw[:end])
    with pytest.raises(DecodeError):
        decode_install(value.P1, raw + b"\x00")


def test_captured_create_isdp() -> None:
    create = CreateIsdp(aid=ISD_P_13)
    assert create.install().command() == CommandApdu.parse(CREATE_ISDP)
    install = decode_install(0x0C, CREATE_ISDP[5:-1])
    assert isinstance(install, InstallForInstallAndMakeSelectable)
    assert CreateIsdp.from_install(install) == create


@pytest.mark.parametrize("memory, coded", [(0x1000, "EF0483021000"), (0x2_0000, "EF06830400020000"), (0, "")])
def test_granted_memory(memory: int, coded: str) -> None:
    create = CreateIsdp(aid=ISD_P_10, memory=memory)
    data = create.install().encode()
    assert data.endswith(bytes.fromhex("C90481020370" + coded + "00"))
    install = decode_install(0x0C, data)
    assert isinstance(install, InstallForInstallAndMakeSelectable)
    assert CreateIsdp.from_install(install) == create


@pytest.mark.parametrize(
    "change, reason",
    [
        (("0380C000", "03800000"), "privileges"),
        (("C90481020370", "C90481020360"), "parameters"),
        (("06C90481020370", "0AC90481020370EF02C700"), None),
        (("8900001300", "8900000F00"), "range"),
    ],
)
def test_what_is_no_isdp(change: tuple[str, str], reason: str | None) -> None:
    raw = bytes.fromhex(CREATE_ISDP[5:-1].hex().upper().replace(*change))
    with pytest.raises(DecodeError, match=reason):
        install = decode_install(0x0C, raw)
        assert isinstance(install, InstallForInstallAndMakeSelectable)
        CreateIsdp.from_install(install)


def test_void_fields_must_be_empty() -> None:
    with pytest.raises(DecodeError, match="must be empty"):
        decode_install(0x20, bytes.fromhex("0100 00 10") + ISD_P_10 + bytes(3))


def test_an_aid_that_is_none_names_its_field() -> None:
    with pytest.raises(DecodeError, match="application"):
        decode_install(0x20, bytes.fromhex("0000 04 A0000005 000000"))


def test_p1_that_names_no_variant() -> None:
    assert decode_install(0x03, b"") is None


def test_long_fields_have_ber_lengths() -> None:
    value = InstallForLoad(load_file=ISD_R, token=bytes(200))
    raw = value.encode()
    assert raw.endswith(b"\x81\xc8" + bytes(200))
    assert decode_install(0x02, raw) == value


def test_captured_personalization_is_the_command_without_le() -> None:
    command = InstallForPersonalization(application=ISD_P_13).command()
    assert command._replace(le=None).encode() == PERSONALIZE


@pytest.mark.parametrize(
    "p1, data",
    [
        (0x04, "05A000000559 05A000000559 05A000000559 0280C0 00 00"),
        (0x08, "00 00 05A000000559 04 80C00000 00 00"),
        (0x40, "00 00 05A000000559 0280C0 00 00"),
    ],
)
def test_privileges_have_one_or_three_bytes(p1: int, data: str) -> None:
    with pytest.raises(DecodeError, match="privileges"):
        decode_install(p1, bytes.fromhex(data))


def test_privileges_of_one_byte() -> None:
    install = decode_install(0x04, bytes.fromhex("05A000000559 05A000000559 05A000000559 0182 00 00"))
    assert isinstance(install, InstallForInstall)
    assert install.privileges == Privilege.SECURITY_DOMAIN | Privilege.CVM_MANAGEMENT


@pytest.mark.parametrize("data", ["80", "83000001FF", "81", "8200", "85"])
def test_lengths_that_are_none(data: str) -> None:
    with pytest.raises(DecodeError):
        decode_install(0x02, bytes.fromhex(data))


@pytest.mark.parametrize("amount", [-1, 1 << 32])
def test_memory_that_has_no_coding(amount: int) -> None:
    with pytest.raises(EncodeError):
        SystemParameters(granted_memory=amount).value()


def test_memory_of_a_strange_length() -> None:
    for coded in ("8300", "83050000000000"):
        with pytest.raises(DecodeError):
            SystemParameters.decode(bytes.fromhex(coded))
