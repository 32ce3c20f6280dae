# SPDX-License-Identifier: Apache-2.0
"""ES8.DownloadAndInstallation against the card's end of SCP03t, and against everything that can go wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apdu.channel.scp03t import Scp03tError
from apdu.channel.scp03t_card import Authenticated, CardKeys, Data, Opened, Scp03tCard
from apdu.errors import DecodeError, LocalProtocolError, M2mError, RemoteProtocolError, SecurityError
from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet, SecretKey
from apdu.profile.response import EuiccResponse, PeStatus, Status
from apdu.script import Done, ProfileScript, Run
from smdp.scripts.download import Download, Exchange, InstallationFailed, Installed, download_profile

ISD_P = Aid.isd_p(0x10)
KEYS = KeySet(0x30, SecretKey(bytes(16)), SecretKey(bytes(range(16))), SecretKey(bytes(range(16, 32))))
PACKAGE = bytes(range(256)) * 20

# card.md 6.3: `30 07 A0 05 30 03 80 01 00`
SUCCESS = bytes.fromhex("3007A0053003800100")
WARNING = EuiccResponse(statuses=(PeStatus(status=Status.PE_NOT_SUPPORTED, identification=7),))
ABORTED = EuiccResponse(statuses=(PeStatus(status=Status.BAD_VALUES, identification=9),), aborted=True, message="PIN")


class _IsdP:
    """Takes segments; `say` decides what is answered after so many bytes."""

    def __init__(self, say: Callable[[int], bytes], keys: KeySet = KEYS) -> None:
        self._say = say
        self._keys = keys
        self._session = Scp03tCard(ISD_P, self._find)
        self.received = b""
        self.tlvs: list[bytes] = []

    def _find(self, kvn: int) -> CardKeys | None:
        return CardKeys(self._keys, 1) if kvn == self._keys.kvn else None

    def answer(self, tlv: bytes) -> bytes:
        self.tlvs.append(tlv)
        try:
            found = self._session.receive(tlv)
        except Scp03tError as error:
            return error.tlv
        if isinstance(found, (Opened, Authenticated)):
            return found.answer
        assert isinstance(found, Data)
        self.received += found.data
        return self._session.respond(self._say(len(self.received)))


def _at_end(what: bytes = SUCCESS, size: int = len(PACKAGE)) -> Callable[[int], bytes]:
    return lambda received: what if received == size else b""


def _run(script: ProfileScript[Installed], answer: Callable[[bytes], bytes]) -> Installed:
    run = Run(script)
    step = run.start()
    while not isinstance(step, Done):
        assert step.target == ISD_P
        answers: list[bytes] = []
        for tlv in step.commands:
            answers.append(answer(tlv))
            if answers[-1][:1] == b"\x9f":
                break
        step = run.feed(answers)
    return step.result


def _script(**changes: int) -> ProfileScript[Installed]:
    download = Download(isd_p=ISD_P, keys=KEYS, package=PACKAGE, **changes)
    return download_profile(download, entropy=SeededEntropy(b"dp"))


@pytest.mark.parametrize("segment", [100, 1000, 1007])
@pytest.mark.parametrize("batch", [1, 4, 100])
def test_the_card_gets_the_package(segment: int, batch: int) -> None:
    card = _IsdP(_at_end())
    assert _run(_script(segment=segment, batch=batch), card.answer) == Installed()
    assert card.received == PACKAGE
    assert [tlv[0] for tlv in card.tlvs[:3]] == [0x84, 0x85, 0x86]
    assert max(map(len, card.tlvs)) <= 1024
    assert len(card.tlvs) == 2 + -(-len(PACKAGE) // segment)


def test_opening_has_the_bytes_of_the_specification() -> None:
    """card.md 6.1: 84 0A KVN KID challenge; 85 11 33 cryptogram MAC."""
    card = _IsdP(_at_end())
    _run(_script(), card.answer)
    assert card.tlvs[0] == bytes.fromhex("840A3000") + SeededEntropy(b"dp").draw(8)
    assert card.tlvs[1][:3] == bytes.fromhex("851133")


def test_progress() -> None:
    seen: list[tuple[int, int]] = []
    download = Download(isd_p=ISD_P, keys=KEYS, package=PACKAGE, segment=1000, batch=2)
    script = download_profile(download, entropy=SeededEntropy(b"dp"), progress=lambda *step: seen.append(step))
    _run(script, _IsdP(_at_end()).answer)
    assert seen == [(2000, 5120), (4000, 5120), (5120, 5120)]


def test_warnings() -> None:
    said = {3000: WARNING.encode(), len(PACKAGE): EuiccResponse.success(WARNING.statuses).encode()}
    card = _IsdP(lambda received: said.get(received, b""))
    assert _run(_script(segment=1000), card.answer).warnings == WARNING.statuses * 2


@pytest.mark.parametrize(
    "say, reason",
    [
        (_at_end(ABORTED.encode(), 2000), r"refused the profile: bad-values, element 9 \(PIN\)"),
        (_at_end(SUCCESS, 1000), "before the package"),
        (_at_end(WARNING.encode()), "not installed: pe-not-supported, element 7"),
        (lambda received: b"", "not installed"),
    ],
)
def test_installations_that_fail(say: Callable[[int], bytes], reason: str) -> None:
    with pytest.raises(InstallationFailed, match=reason):
        _run(_script(segment=1000, batch=1), _IsdP(say).answer)


def test_what_the_card_refused_is_in_the_error() -> None:
    with pytest.raises(InstallationFailed) as caught:
        _run(_script(), _IsdP(_at_end(ABORTED.encode(), 4028)).answer)
    assert caught.value.response == ABORTED


def test_keys_that_the_card_does_not_have() -> None:
    other = KeySet(0x30, SecretKey(bytes(16)), SecretKey(bytes(16)), SecretKey(bytes(16)))
    with pytest.raises(SecurityError):
        _run(_script(), _IsdP(_at_end(), other).answer)
    with pytest.raises(Scp03tError, match="84 refused, 03"):
        _run(_script(), _IsdP(_at_end(), KeySet(0x31, KEYS.enc, KEYS.mac, KEYS.dek)).answer)


@pytest.mark.parametrize(
    "at, answer, error",
    [
        (0, "", DecodeError),
        (0, "8400", DecodeError),
        (1, "9F450102", Scp03tError),
        (1, "8600", DecodeError),
        (2, "9F460102", Scp03tError),
        (3, "9F460102", Scp03tError),
        (3, "900101", Scp03tError),
        (2, "8618" + "00" * 24, SecurityError),
        (2, "860100", M2mError),
    ],
)
def test_answers_that_are_wrong(at: int, answer: str, error: type[Exception]) -> None:
    card = _IsdP(_at_end())
    count = iter(range(100))

    def answer_of(tlv: bytes) -> bytes:
        right = card.answer(tlv)
        return bytes.fromhex(answer) if next(count) == at else right

    with pytest.raises(error):
        _run(_script(), answer_of)


def test_answers_that_are_missing() -> None:
    card = _IsdP(_at_end())
    run = Run(_script(batch=4))
    step = run.start()
    for _ in range(2):
        assert not isinstance(step, Done)
        step = run.feed([card.answer(tlv) for tlv in step.commands])
    assert not isinstance(step, Done)
    with pytest.raises(RemoteProtocolError, match="1 answers to 4"):
        run.feed([card.answer(step.commands[0])])
    with pytest.raises(LocalProtocolError):
        run.feed([])


def test_what_is_watched() -> None:
    """Plain and protected, for traces: the segments are the package."""
    seen: list[Exchange] = []
    card = _IsdP(_at_end())
    download = Download(isd_p=ISD_P, keys=KEYS, package=PACKAGE)
    _run(download_profile(download, entropy=SeededEntropy(b"dp"), watch=seen.append), card.answer)
    assert b"".join(exchange.plain for exchange in seen) == PACKAGE
    assert [exchange.protected for exchange in seen] == card.tlvs[2:]
    assert (seen[0].response_protected, seen[0].response_plain) == (b"\x86\x00", b"")
    assert seen[-1].response_plain == SUCCESS
