# SPDX-License-Identifier: Apache-2.0
"""Contents of files: examples that others published, examples by the coding of the clause, and what is not right.

The published ones are test vectors of pySim (pySim/ts_51_011.py, pySim/ts_31_102.py): contents with their meaning.
"""

from __future__ import annotations

import pytest

from apdu.errors import DecodeError
from apdu.files.contents import CONTENTS, brief, content_of, read_contents
from apdu.files.item import Item
from apdu.files.services import EST, IST, UST


def said(file: str, content: str, directory: str = "adf-usim") -> dict[str, str]:
    found = content_of(directory, file)
    assert found is not None
    return {item.name: item.value for item in read_contents(found, bytes.fromhex(content))}


PUBLISHED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ef-iccid", "988812010000400310F0", {"ICCID": "8988211000000430010"}),
    ("ef-imsi", "082982608200002080", {"IMSI": "228062800000208"}),
    ("ef-imsi", "082926101160845740", {"IMSI": "262011106487504"}),
    ("ef-acc", "0000", {"access control classes": "none"}),
    ("ef-acc", "0001", {"access control classes": "0"}),
    ("ef-acc", "0100", {"access control classes": "8"}),
    ("ef-acc", "8000", {"access control classes": "15"}),
    ("ef-acc", "802B", {"access control classes": "0 1 3 5 15"}),
    ("ef-spn", "0147534D2D52204348FFFFFFFFFFFFFFFF",
     {"name": "GSM-R CH", "display condition": "the registered PLMN is shown too"}),
    ("ef-adn", "42204841203120536963FFFFFFFFFFFF06810628560810FFFFFFFFFFFFFF",
     {"alpha identifier": "B HA 1 Sic", "number": "6082658001"}),
    ("ef-adn", "4B756E64656E626574726575756E67FF0791947112122721FFFFFFFFFFFF",
     {"alpha identifier": "Kundenbetreuung", "number": "+491721217212"}),
    ("ef-msisdn", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF04B12143F5FFFFFFFFFFFFFFFFFF",
     {"number": "12345", "alpha identifier": ""}),
    ("ef-msisdn", "456967656E65205275666E756D6D6572FFFFFFFF0891947172199181F3FFFFFFFFFF",
     {"number": "+4917279119183", "alpha identifier": "Eigene Rufnummer"}),
    ("ef-smsp", "454E6574776F726B73FFFFFFFFFFFFFFF1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF0000A7",
     {"alpha identifier": "ENetworks", "protocol identifier": "00", "data coding scheme": "00",
      "parameters present": "service centre, protocol identifier, data coding scheme"}),
    ("ef-loci", "7802570222F81009780000",
     {"TMSI": "78025702", "location area": "228 01, 0978", "TMSI time": "00", "update status": "updated"}),
    ("ef-psloci", "FFFFFFFFFFFFFF22F8990000FF01",
     {"P-TMSI": "none", "P-TMSI signature": "none", "routing area": "228 99, 0000FF", "update status": "not updated"}),
    ("ef-plmnwact", "62F2104000", {"PLMN 1": "262 01, E-UTRAN"}),
    ("ef-plmnwact", "62F2108000", {"PLMN 1": "262 01, UTRAN"}),
    ("ef-plmnwact", "62F220488C", {"PLMN 1": "262 02, NG-RAN, E-UTRAN, GSM, EC-GSM-IoT"}),
    ("ef-fplmn", "22F860330420", {"PLMN 1": "228 06", "PLMN 2": "334 020"}),
    ("ef-suci-calc-info",
     ("A00401010000A14A80010A81204E858C4D49D1343E6181284C47CA721730C98742CB7C6182D2E8126E08088D36"
      "80010B8120D1BC365F4997D17CE4374E72181431CBFEBA9E1B98D7618F79D48561B144672A"),
     {"scheme 1": "profile A, key 1", "scheme 2": "null scheme",
      "key 1": "identifier 10, 4E858C4D49D1343E6181284C47CA721730C98742CB7C6182D2E8126E08088D36",
      "key 2": "identifier 11, D1BC365F4997D17CE4374E72181431CBFEBA9E1B98D7618F79D48561B144672A"}),
)  # fmt: skip
_IDENTITY = "738006000000101@ims.mnc000.mcc738.3gppnetwork.org"
CODED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ef-pl", "6465", {"languages": "de"}),
    ("ef-li", "6465656E", {"languages": "de en"}),
    ("ef-ad", "00000002", {"operation mode": "normal operation", "length of the MNC": "2"}),
    ("ef-ad", "01000103", {"operation mode": "normal operation, specific facilities", "length of the MNC": "3"}),
    ("ef-ecc", "19F1FF01", {"number": "911", "category": "police"}),
    ("ef-epsloci", "0BF600F110AAAAAABBBBBBBB00F110000100",
     {"GUTI": "001 01, AAAAAABBBBBBBB", "last visited tracking area": "001 01, 0001", "update status": "updated"}),
    ("ef-opl", "62F2100000FFFE01",
     {"PLMN": "262 01", "first area": "0000", "last area": "FFFE", "record of EF.PNN": "1"}),
    ("ef-pnn", "43058441AA890AFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", {"full name": "AT&T"}),
    ("ef-smss", "00FF", {"last used reference": "0", "memory capacity exceeded": "no"}),
    ("ef-est", "06",
     {"services": "2 available", "service 2": "Barred Dialling Numbers", "service 3": "APN Control List"}),
    ("ef-routing-indicator", "F0FFFFFF", {"routing indicator": "0"}),
    ("ef-routing-indicator", "2143FFFF", {"routing indicator": "1234"}),
    ("ef-impi", "8031" + _IDENTITY.encode().hex(), {"IMPI": _IDENTITY}),
    ("ef-impu", "8035" + f"sip:{_IDENTITY}".encode().hex(), {"IMPU": f"sip:{_IDENTITY}"}),
    ("ef-umpc", "3C3C000000",
     {"maximum power consumption": "60 mA", "operator defined time-out": "60 s", "additional information": "none"}),
    ("ef-dir", "61184F10A0000000871002FF86FF0389FFFFFFFF50045553494D",
     {"application": "USIM"}),
    ("ef-arr", "80010190008001029700800118A40683010A9501088401D4A40683010A950108",
     {"read (of a DF: delete child)": "always", "update (of a DF: create EF)": "never",
      "deactivate, activate": "ADM1 (0A)", "RESIZE FILE": "ADM1 (0A)"}),
    ("ef-arr", "800101A010A406830181950108A40683010A950108",
     {"read (of a DF: delete child)": "(PIN2 (81) or ADM1 (0A))"}),
)  # fmt: skip


@pytest.mark.parametrize("file, content, meaning", PUBLISHED + CODED)
def test_contents_in_words(file: str, content: str, meaning: dict[str, str]) -> None:
    found = said(file, content)
    assert {name: found.get(name) for name in meaning} == meaning


def test_services_stand_where_the_specification_puts_them() -> None:
    """Numbers of TS 31.102 4.2.8 and TS 31.103 4.2.7 that this project's own card acts on."""
    places = {
        2: "Fixed", 10: "Short Message Storage", 12: "Parameters", 17: "Level 1", 19: "Provider Name", 27: "GSM Access",
        28: "SMS-PP", 33: "shall be", 34: "Enabled Services", 38: "GSM security", 45: "PLMN Network", 51: "Display",
        68: "Bootstrapping", 71: "Equivalent HPLMN", 85: "EPS Mobility", 91: "SM-over-IP", 99: "URI",
        114: "From Preferred", 122: "5GS Mobility", 124: "identifier privacy", 125: "SUCI calculation", 126: "UAC",
        129: "5GS Operator", 132: "URSP", 139: "ProSe", 146: "SNPN",
    }  # fmt: skip
    for number, part in places.items():
        assert part in UST[number - 1], number
    assert len(UST) == 146
    assert (len(EST), len(IST)) == (3, 22)
    assert "SM-over-IP" in IST[7]


def test_a_file_that_was_never_written_is_empty() -> None:
    for name, content in CONTENTS.items():
        assert read_contents(content, b"\xff" * 20) == (Item("contents", "empty", b"\xff" * 20),), name
        assert brief(content, b"\xff" * 20) in ("", "empty"), name


def test_keys_are_marked_as_secrets() -> None:
    for file in ("ef-keys", "ef-keysPS", "ef-kc", "ef-epsnsc", "ef-5gauthkeys", "ef-5gs3gppnsc"):
        content = content_of("adf-usim", file)
        assert content is not None
        items = read_contents(content, b"\x07" + bytes(range(32)))
        assert any(item.secret for item in items), file
        assert all(item.secret or item.raw == b"\x07" for item in items), file


def test_files_of_a_csim_are_not_those_of_a_usim() -> None:
    assert content_of("adf-csim", "ef-imsi-m") is None
    assert content_of("adf-csim", "ef-sms") is None
    assert content_of("adf-usim", "ef-sms") is not None


@pytest.mark.parametrize(
    "file, content",
    [
        ("ef-iccid", "9888"),
        ("ef-imsi", "0A2982608200002080"),
        ("ef-loci", "78025702"),
        ("ef-plmnwact", "62F21080"),
        ("ef-msisdn", "0102"),
        ("ef-arr", "9000"),
        ("ef-arr", "8001"),
        ("ef-dir", "4F02AABB"),
        ("ef-impi", "8005616263"),
        ("ef-suci-calc-info", "A003000000"),
        ("ef-pnn", "430A84"),
    ],
)
def test_contents_that_are_not_right(file: str, content: str) -> None:
    with pytest.raises(DecodeError):
        said(file, content)
