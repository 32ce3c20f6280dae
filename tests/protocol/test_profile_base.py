# SPDX-License-Identifier: Apache-2.0
"""What a package becomes besides files: PINs, keys, domains, services; and when two packages become the same base."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest

from apdu.ids import Aid, Tar
from apdu.profile.der import Json
from apdu.profile.package import Splitter, split_package
from emulator.profile.base import Directory, ProfileBase
from emulator.profile.cache import BASES, BaseCache
from emulator.profile.interpreter import InstallError, Interpreter
from emulator.profile.loader import base_for, base_of, known
from emulator.profile.policy import LAB, PRODUCTION, SERVICES
from tests.protocol.profile_parts import (
    AKA,
    END,
    HEADER,
    ISIM,
    ISIM_AID,
    KEY,
    LOCAL,
    MF,
    OPT_USIM,
    PINS,
    PUKS,
    RFM,
    SD,
    TELECOM,
    USIM,
    USIM_AID,
    WHOLE,
    changed,
    create,
    directory_at,
    file_at,
    files,
    install,
    package,
)

BEFORE = (HEADER, MF, PUKS, PINS)
DF: dict[str, str] = {"fileDescriptor": "7821", "pinStatusTemplateDO": "010A"}


def test_pins_belong_to_the_directory_before_them() -> None:
    telecom = changed(TELECOM, "telecom/df-telecom/pins", "81010A")
    graphics = changed(telecom, "telecom/df-graphics", {"pins": "8101"})
    inner = files({"filePath": "7FD0"}, create("5F70", **{**DF, "pinStatusTemplateDO": "8101"}))
    shared = {"pinCodes": {"pinCodes": {"filePath": "7F10"}}}
    base = install(package(*BEFORE, graphics, LOCAL, USIM, OPT_USIM, LOCAL, ISIM, shared, inner, END))
    telecom_df, usim, isim = directory_at(base, "7F10"), directory_at(base, "7FD0"), directory_at(base, "7FB0")
    assert set(base.pins) == {(0, 0x01), (0, 0x0A), (telecom_df.id, 0x81), (usim.id, 0x81)}
    contexts = {path: directory_at(base, path).context for path in ("", "7F10", "7F10/5F50", "7FD0", "7FD0/5F70")}
    assert contexts == {
        "": 0, "7F10": telecom_df.id, "7F10/5F50": telecom_df.id, "7FD0": usim.id, "7FD0/5F70": usim.id,
    }  # fmt: skip
    assert isim.context == telecom_df.id
    assert telecom_df.pin_references == (0x81, 0x01, 0x0A)


def test_pin_defaults() -> None:
    base = install(package(*WHOLE))
    pin, adm = base.pins[0, 0x01], base.pins[0, 0x0A]
    assert (pin.attributes, pin.max_tries, pin.tries, pin.puk) == (7, 3, 3, 1)
    assert (adm.puk, adm.value) == (None, b"55555555")
    assert (base.puks[1].max_tries, base.puks[1].tries) == (10, 10)
    assert "1111" not in repr(base.puks)
    assert KEY.lower() not in repr(base).lower()


def test_authentication_parameters_and_their_defaults() -> None:
    spec = install(package(*WHOLE)).naas[0]
    assert (spec.algorithm, spec.key.reveal(), spec.opc) == (1, bytes.fromhex(KEY), bytes.fromhex(KEY))
    assert (spec.sqn_options, spec.sqn_delta, spec.sqn_age_limit) == (2, 1 << 28, 1 << 28)
    assert spec.sqn_init == (0,) * 32
    assert spec.rotation == bytes((64, 0, 32, 64, 96))
    assert [spec.xoring[at + 15] for at in range(0, 80, 16)] == [0, 1, 2, 4, 8]
    assert (spec.counter_max, spec.source) == (None, None)


@pytest.mark.parametrize("options, sqn", [("00", 0), ("01", 7)])
def test_parameters_taken_from_another_application(options: str, sqn: int) -> None:
    own = changed(AKA, "akaParameter/sqnInit", ["000000000007"] * 32)
    mapping = {"mappingParameter": {"mappingOptions": options, "mappingSource": USIM_AID}}
    mapped = {"akaParameter": {"algoConfiguration": mapping}}
    base = install(package(*BEFORE, USIM, LOCAL, own, ISIM, LOCAL, mapped, END))
    first, second = base.naas
    assert (str(first.adf.aid), str(second.adf.aid)) == (USIM_AID, ISIM_AID)
    assert second.key == first.key
    assert second.sqn_init == (sqn,) * 32
    assert (second.mapping_options, second.source) == (int(options, 16), Aid.from_string(USIM_AID))


def test_security_domains_and_what_belongs_to_them() -> None:
    toolkit: Json = {"uiccToolkitApplicationSpecificParametersField": "010000000002010206B2010000000000"}
    mno = changed(SD, "securityDomain/instance/applicationParameters", toolkit)
    mno = changed(mno, "securityDomain/sdPersoData", ["0070036601AA"])
    second = changed(SD, "securityDomain/instance/instanceAID", "A00000055910100102030405B0020000")
    third = changed(SD, "securityDomain/instance/instanceAID", "A000000151000003")
    third = changed(third, "securityDomain/instance/extraditeSecurityDomainAID", "A00000055910100102030405B0020000")
    rfm = changed(RFM, "rfm/securityDomainAID", "A000000151000003")
    application = {"application": {"loadBlock": {"loadPackageAID": "A0000000010203", "loadBlockObject": "CA" * 100}}}
    base = install(package(*BEFORE, mno, second, third, rfm, application, END))
    assert [(str(d.aid), None if d.parent is None else str(d.parent)) for d in base.domains] == [
        ("A000000151000000", None),
        ("A00000055910100102030405B0020000", "A000000151000000"),
        ("A000000151000003", "A00000055910100102030405B0020000"),
    ]
    first = base.domains[0]
    assert first.is_mno_sd
    assert not base.domains[1].is_mno_sd
    assert (first.tars, first.minimum_security_level) == ((Tar.from_string("B20100"), Tar.from_string("000000")), 2)
    assert (first.lifecycle, first.privileges.hex()) == (0x0F, "82dc00")
    assert first.personalisation == (bytes.fromhex("0070036601AA"),)
    assert [(key.kvn, key.kid, key.usage) for key in first.keys] == [(1, 1, b"\x18"), (1, 2, b"\x14"), (1, 3, b"\x48")]
    assert base.domains[1].tars == (Tar.from_string("B00200"),)  # without a list, that of the AID
    assert (base.rfms[0].domain, base.rfms[0].tars) == (
        Aid.from_string("A000000151000003"),
        (Tar.from_string("B00000"),),
    )
    assert (base.applications[0].size, base.applications[0].domain) == (100, first.aid)


def test_applications_count_as_memory_and_are_not_executed() -> None:
    def with_block(size: int) -> int:
        block = {"loadPackageAID": "A0000000010203", "loadBlockObject": "CA" * size}
        return install(package(*BEFORE, SD, {"application": {"loadBlock": block}}, END)).footprint

    assert with_block(1100) == with_block(100) + 1000


def test_service_tables_lose_what_the_card_lacks() -> None:
    lists = changed(USIM, "usim/ef-ust", {"size": 17, "services": [1, 67, 68, 69, 70, 76, 124, 125, 136]})
    parts = (*BEFORE, lists, LOCAL, changed(ISIM, "isim/ef-ist", {"services": [1, 2, 3, 4]}), LOCAL, END)
    lacking = replace(LAB, services=SERVICES - {"gba-usim", "gba-isim"})
    base = install(package(*parts), lacking)
    table = int.from_bytes(file_at(base, "7FD0/6F38").content, "little")
    assert {n for n in range(1, 137) if table >> n - 1 & 1} == {1, 67, 70, 124, 125, 136}
    assert int.from_bytes(file_at(base, "7FB0/6F07").content, "little") == 0b0101
    everything = replace(LAB, services=SERVICES | {"mbms"})
    kept = int.from_bytes(file_at(install(package(*parts), everything), "7FD0/6F38").content, "little")
    assert {n for n in range(1, 137) if kept >> n - 1 & 1} == {1, 67, 68, 69, 70, 76, 124, 125, 136}


def test_an_iot_profile_takes_the_rest_from_the_header() -> None:
    header = changed(HEADER, "header/iotOptions", {"pix": "1002FF49FF0589"})
    iot = {"iot": {"templateID": "2.17", "ef-imsi": {"content": "080910101032547698"}, "ef-acc": {}}}
    fdn = {"opt-iot": {"templateID": "2.18", "ef-fdn": {}}}
    base = install(package(header, iot, PUKS, PINS, fdn, AKA, END))
    assert file_at(base, "2FE2").content.hex() == "98001032547698103214"
    assert base.adfs[0].aid == Aid.from_string(USIM_AID)
    assert file_at(base, f"{base.adfs[0].fid:04X}/6F3B").records == 20
    with pytest.raises(InstallError):
        install(package(HEADER, iot, PUKS, PINS, END))


def test_the_header_says_what_the_profile_is() -> None:
    header = changed(HEADER, "header/pol", "02")
    header = changed(header, "header/profileType", "test")
    header = changed(header, "header/connectivityParameters", "A000")
    base = install(package(header, *WHOLE[1:]))
    assert (base.pol1, base.profile_type, base.connectivity, str(base.iccid)) == (
        2, "test", b"\xa0\x00", "89000123456789012341"
    )  # fmt: skip
    assert install(package(*WHOLE)).pol1 == 0


def everything(base: ProfileBase) -> list[tuple[Any, ...]]:
    """All that a base holds of files, in the order of their ids."""
    found: list[tuple[Any, ...]] = []
    directories = [base.mf, *base.adfs]
    for directory in directories:
        found.append((directory.id, directory.fid, directory.kind, directory.arr, directory.context))
        for node in directory.children.values():
            if isinstance(node, Directory):
                directories.append(node)
            else:
                found.append((node.id, node.fid, node.kind, node.content, node.sfi, node.arr, node.special))
    return sorted(found, key=lambda item: item[0])


def test_the_same_package_always_gives_the_same_nodes() -> None:
    data = package(*WHOLE)
    one, other = install(data), install(data)
    assert one is not other
    assert everything(one) == everything(other)
    assert [item[0] for item in everything(one)] == list(range(len(everything(one))))


def test_a_package_in_two_segments_gives_the_same_base() -> None:
    data = package(*WHOLE)
    expected = everything(install(data))
    for cut in range(0, len(data), 37):
        splitter = Splitter()
        interpreter = Interpreter(LAB, 1 << 20, BaseCache())
        for segment in (data[:cut], data[cut:]):
            for element in splitter.feed(segment):
                interpreter.element(element.raw, element.offset)
        assert interpreter.base().digest == install(data).digest
        assert everything(interpreter.base()) == expected


def test_equal_bodies_are_one_object() -> None:
    base = install(
        package(
            *WHOLE,
        )
    )
    bodies = [item[3] for item in everything(base) if len(item) == 7]
    assert len({id(body) for body in bodies}) == len(set(bodies))


def test_bases_are_shared_while_a_card_uses_them() -> None:
    data = package(*WHOLE)
    BASES.clear()
    first = base_for(data, LAB)
    assert base_for(data, LAB) is first
    assert base_of(data, lab=True) is first
    assert known(first.digest, LAB) is first
    assert known(first.digest, PRODUCTION) is None
    assert base_of(data, lab=False) is not first
    digest = first.digest
    del first
    gc.collect()
    assert known(digest, LAB) is None


def test_a_known_package_is_not_interpreted_again() -> None:
    data = package(*WHOLE)
    cache = BaseCache()
    elements = split_package(data)

    def run(available: int, upto: int | None = None, then: tuple[bytes, ...] = ()) -> Interpreter:
        interpreter = Interpreter(LAB, available, cache)
        for element in elements[:upto]:
            interpreter.element(element.raw, element.offset)
        for raw in then:
            interpreter.element(raw, 0)
        return interpreter

    first = run(1 << 20).base()
    again = run(1 << 20)
    assert again.finished
    assert again.base() is first
    # a package that starts in the same way: what was kept back is interpreted after all
    other = run(1 << 20, -1, (package(*WHOLE[:1], END)[-9:].replace(b"\x81\x01\x01", b"\x81\x01\x63"),))
    assert other.base() is not first
    assert everything(other.base()) == everything(first)
    with pytest.raises(InstallError):
        run(1 << 20, 3, (elements[0].raw,))
    with pytest.raises(InstallError):
        run(first.footprint - 1)
    assert cache.get(LAB, first.digest) is first


def test_an_element_after_the_end_of_a_known_package() -> None:
    data = package(*WHOLE)
    cache = BaseCache()
    for _ in range(2):
        interpreter = Interpreter(LAB, 1 << 20, cache)
        for element in split_package(data):
            interpreter.element(element.raw, element.offset)
        keep = interpreter.base()
        with pytest.raises(InstallError):
            interpreter.element(element.raw, len(data))
        assert keep.digest
