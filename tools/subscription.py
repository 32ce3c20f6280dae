# SPDX-License-Identifier: Apache-2.0
"""The profile of a run and the subscription in it: the project's own with everything drawn, or a package as it is.

The network needs what the card will hold: identities, algorithm and keys are read from the prepared package itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Final, NamedTuple

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.milenage import STANDARD, MilenageConstants
from apdu.aka.parameters import AlgorithmParameters
from apdu.errors import DecodeError, EncodeError
from apdu.ids import Iccid, Imsi
from apdu.keys.entropy import Entropy
from apdu.profile.elements.authentication import DEFAULT_ROTATION, DEFAULT_XORING, AlgoParameter, PeAkaParameter
from apdu.profile.elements.codes import PePinCodes, PinConfiguration
from apdu.profile.elements.domains import PeSecurityDomain
from apdu.profile.elements.element import ProfileElement
from apdu.profile.elements.files import File
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.elements.template import TemplateElement
from apdu.profile.package import decode_package, encode_package
from apdu.profile.personalise import Personalisation, personalise, record_length
from apdu.sms.address import Address
from emulator.network.auc import Subscriber
from smdp.profiles import load_profile
from tools.errors import ToolError, reason
from tools.text import printable

__all__ = ["PreparedProfile", "ProfileFile", "draw_profile", "read_file", "read_profile"]

_MAX_PACKAGE: Final = 1 << 20
"""Bytes of a file that are read: no card here has room for more."""
_ALGORITHMS: Final[dict[int, str]] = {
    AlgorithmId.MILENAGE: "Milenage",
    AlgorithmId.TUAK: "TUAK",
    AlgorithmId.TEST: "XOR test algorithm",
}
_IMSI_SIZE: Final = 9
_NUMBER_SIZE: Final = 14
"""Bytes of a record of EF.MSISDN behind its alpha identifier (TS 31.102 4.2.26)."""
_NUMBER_LENGTHS: Final = range(2, 12)
_PIN1: Final = 0x01
_ENABLED: Final = 0x01
_CODES: Final = {0x0A: "ADM1", _PIN1: "PIN1", 0x81: "PIN2"}
"""Key references of TS 102 221 9.5.1."""
_MIN_SECRET: Final = 8
_MAX_NAME: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedProfile:
    """A package that is ready for its card, and what others have to know of it."""

    package: bytes = field(repr=False)
    name: str
    elements: int
    iccid: Iccid
    msisdn: str
    subscriber: Subscriber
    pin: str | None = field(repr=False)
    """PIN1, if the profile has it enabled."""
    codes: Mapping[str, str] = field(repr=False)
    """What a bench engineer types, by its name."""
    secrets: tuple[bytes, ...] = field(repr=False)
    """Values that no output may hold."""

    @property
    def imsi(self) -> Imsi:
        """The subscriber's identity."""
        return self.subscriber.imsi

    @property
    def algorithm(self) -> str:
        """What people call the authentication algorithm."""
        number = self.subscriber.parameters.identifier
        return _ALGORITHMS.get(number, f"algorithm {number}")


class ProfileFile(NamedTuple):
    """A file that should hold a profile package."""

    name: str
    package: bytes


def read_file(path: Path) -> ProfileFile:
    """Read it; ToolError when it cannot be one."""
    try:
        with path.open("rb") as file:
            package = file.read(_MAX_PACKAGE + 1)
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {reason(error)}") from None
    if not package:
        raise ToolError(f"{path} is empty: a profile package begins with a profile header, tag A0")
    if len(package) > _MAX_PACKAGE:
        raise ToolError(f"{path} is no profile package: it has more than {_MAX_PACKAGE} bytes")
    return ProfileFile(str(path), package)


# --- the project's own profile


def draw_profile(entropy: Entropy) -> PreparedProfile:
    """The project's own profile with a subscription of its own: identities, keys and codes are drawn."""
    elements = load_profile()
    subscriber = Personalisation(
        iccid=Iccid.from_string(_with_check_digit("8900101" + _digits(entropy, 12))),
        imsi=Imsi("00101" + _digits(entropy, 10)),
        key=entropy.draw(16),
        opc=entropy.draw(16),
        msisdn="999" + _digits(entropy, 9),
        pins={0x01: _digits(entropy, 4), 0x81: _digits(entropy, 4), 0x0A: _digits(entropy, 8)},
        puks={0x01: _digits(entropy, 8), 0x81: _digits(entropy, 8)},
        domain_keys={name: entropy.draw(size) for name, size in _domain_keys(elements)},
    )
    prepared = personalise(elements, subscriber)
    return _describe(encode_package(prepared), prepared)


def _domain_keys(elements: Iterable[ProfileElement]) -> Iterator[tuple[tuple[int, int], int]]:
    """Version, identifier and length of every key of the profile's security domains."""
    for element in elements:
        if isinstance(element, PeSecurityDomain):
            for key in element.keys or ():
                yield (key.kvn[0], key.kid[0]), len(key.components[0].data)


def _digits(entropy: Entropy, count: int) -> str:
    number = int.from_bytes(entropy.draw(8), "big") % 10**count
    return f"{number:0{count}d}"


def _with_check_digit(digits: str) -> str:
    """Add the check digit of card numbers (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


# --- any package


def read_profile(file: ProfileFile) -> PreparedProfile:
    """A package as it is; ToolError with the element, the offset and the reason when it is none."""
    try:
        return _describe(file.package, decode_package(file.package))
    except DecodeError as error:
        raise ToolError(f"{file.name}: {error}") from None


def _describe(package: bytes, elements: tuple[ProfileElement, ...]) -> PreparedProfile:
    header = elements[0] if elements else None
    if not isinstance(header, ProfileHeader):
        raise DecodeError("a profile package begins with a profile header, tag A0")
    usim = next((index for index, each in enumerate(elements) if _is_usim(each)), None)
    if usim is None:
        raise ToolError("the profile has no USIM, so it cannot attach to a network: use another one")
    application = elements[usim]
    assert isinstance(application, TemplateElement)
    return PreparedProfile(
        package=package,
        name=printable(header.profile_type or "unnamed profile", _MAX_NAME),
        elements=len(elements),
        iccid=Iccid(header.iccid),
        msisdn=_msisdn(elements[usim + 1 :]),
        subscriber=Subscriber(_imsi(application), _parameters(elements[usim + 1 :])),
        pin=_pin1(elements),
        codes=_codes(elements),
        secrets=tuple(value for element in elements for value in _secrets(element)),
    )


def _is_usim(element: ProfileElement) -> bool:
    return isinstance(element, TemplateElement) and element.kind in ("usim", "iot")


def _imsi(usim: TemplateElement) -> Imsi:
    try:
        return Imsi.from_ef(_content(usim.files.get("ef-imsi", ()), _IMSI_SIZE))
    except DecodeError:
        raise ToolError("the profile's USIM has no IMSI: personalise the profile first") from None


def _msisdn(following: Iterable[ProfileElement]) -> str:
    """Digits of the first number in EF.MSISDN; empty where there is none."""
    for element in following:
        if isinstance(element, TemplateElement) and element.kind == "opt-usim" and "ef-msisdn" in element.files:
            try:
                length = record_length(element, "ef-msisdn")
                field = _content(element.files["ef-msisdn"], length)[-_NUMBER_SIZE:]
                number = Address.from_bytes(field[1 : 1 + field[0]]).number if field[0] in _NUMBER_LENGTHS else ""
            except (DecodeError, EncodeError):
                return ""
            return number if number.isdigit() else ""
    return ""


def _content(file: File, size: int) -> bytes:
    """What the steps of a file leave in its first bytes; an offset counts from the last byte written (SAIP 8.3.5)."""
    content = bytearray(b"\xff" * size)
    at = 0
    for item in file:
        if isinstance(item, int):
            at += item
        elif isinstance(item, bytes):
            content[at : at + len(item)] = item
            at += len(item)
    return bytes(content[:size])


def _parameters(following: Iterable[ProfileElement]) -> AlgorithmParameters:
    """Algorithm and keys of the application that the elements follow."""
    for element in following:
        if isinstance(element, PeAkaParameter) and isinstance(element.configuration, AlgoParameter):
            found = element.configuration
            constants = STANDARD
            if found.algorithm == AlgorithmId.MILENAGE:
                constants = MilenageConstants.from_bytes(
                    found.rotation or DEFAULT_ROTATION, found.xoring or DEFAULT_XORING
                )
            runs = 1 if found.keccak_rounds is None else found.keccak_rounds
            return AlgorithmParameters(found.algorithm, found.key, found.opc, found.options[0], constants, runs)
    raise ToolError("the profile's USIM has no authentication key (akaParameter): use another profile")


def _pins(elements: Iterable[ProfileElement]) -> Iterator[PinConfiguration]:
    """Every code; of those that several directories have the first counts."""
    for element in elements:
        if isinstance(element, PePinCodes) and isinstance(element.codes, tuple):
            yield from element.codes


def _pin1(elements: Iterable[ProfileElement]) -> str | None:
    found = (each for each in _pins(elements) if each.reference == _PIN1 and _enabled(each))
    return next((each.code.rstrip(b"\xff").decode("ascii", "replace") for each in found), None)


def _enabled(code: PinConfiguration) -> bool:
    return code.attributes is None or bool(code.attributes & _ENABLED)


def _typed(code: bytes) -> str:
    """A code as `--pin` and `--adm` take it: digits, or all eight bytes in hexadecimal."""
    text = code.rstrip(b"\xff")
    return text.decode("ascii") if text.isdigit() else code.hex().upper()


def _codes(elements: Iterable[ProfileElement]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in _pins(elements):
        name = _CODES.get(each.reference)
        if name is not None:
            found.setdefault(name, _typed(each.code) + ("" if _enabled(each) else " (disabled)"))
    return found


def _secrets(value: object) -> Iterator[bytes]:
    """The values of an element that its declaration keeps out of texts."""
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for part in value:
            yield from _secrets(part)
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            content = getattr(value, item.name)
            if not item.repr and isinstance(content, bytes) and len(content) >= _MIN_SECRET:
                yield content
            else:
                yield from _secrets(content)
