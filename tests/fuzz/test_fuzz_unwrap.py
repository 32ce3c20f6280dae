# SPDX-License-Identifier: Apache-2.0
"""Protected traces with bytes, events and lengths changed: nothing raises, and what is shown stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from apdu.command.apdu import CommandApdu
from apdu.trace.decode import Decoder, decode
from apdu.trace.events import AnyEvent, ChannelEvent, LinkEvent, Masked
from apdu.trace.redact import Redactor
from apdu.trace.sources import Damage
from apdu.trace.unwrap import KeyRing, Unwrapper, unwrap
from apdu.trace.unwrap.keys import PresharedKey
from tests.scale import count
from tests.unit.trace.unwrap.channel import IDENTITY, PSK, SESSION, channel, conversation
from tests.unit.trace.unwrap.test_scp03t import BOTH, Download, bare, protected
from tests.unit.trace.unwrap.wire import Conversation

KEYS = KeyRing(BOTH, preshared=[PresharedKey(PSK, identity=IDENTITY)])
_KINDS = ("command", "response", "atr", "pps", "power-off", "other")


def traces() -> list[list[AnyEvent]]:
    download = Download()
    download.send(bytes.fromhex("A00A8001028101038301FF") + bytes(200), b"\x30\x07\xa0\x05\x30\x03\x80\x01\x00")
    download.replace()
    download.send(b"more", b"answer")
    talk = Conversation()
    for size in (0, 1, 200):
        talk.say(CommandApdu(0x80, 0xE2, 0x90, 0x00, bytes(size), 256), bytes(size))
    recorded: list[AnyEvent] = []
    for at, event in enumerate(protected(download.tlvs)):
        recorded.append(event)
        if at % 2 and isinstance(event.data, bytes):
            told = ChannelEvent(
                time=0, layer="scp03t" if at % 4 == 1 else "scp03", side="card", protected=event.data, plain=event.data
            )
            recorded.append(told)
    over_the_air: list[AnyEvent] = list(channel(conversation(SESSION)))
    derived = [event for event in unwrap(over_the_air, KEYS) if not isinstance(event, Damage)]
    return [list(talk.trace()), list(bare(download.tlvs)), recorded, over_the_air, derived]


def mutated(events: list[AnyEvent], random: Random) -> Iterator[AnyEvent]:
    for event in events:
        what = random.random()
        if what < 0.02:
            continue
        if what < 0.12:
            event = _changed(event, random)
        yield event
        if what > 0.98:
            yield random.choice(events)


def _changed(event: AnyEvent, random: Random) -> AnyEvent:
    if isinstance(event, ChannelEvent):
        target = random.choice(("", "zz", "A0" * 20))
        extra = {"verified": random.choice((True, None, "x")), "findings": random.choice((1, [2], [{"severity": 3}]))}
        return replace(event, target=target, extra=extra if random.random() < 0.5 else event.extra)
    if not isinstance(event, LinkEvent) or not isinstance(event.data, bytes):
        return event
    data = bytearray(event.data)
    way = random.randrange(6)
    if way == 0:
        return replace(event, kind=random.choice(_KINDS))
    if way == 1:
        del data[random.randrange(len(data) + 1) :]
    elif way == 2:
        at = random.randrange(len(data) + 1)
        data[at:at] = random.randbytes(random.randrange(20))
    elif way == 3:
        return replace(event, data=Masked(bytes(data), ((0, random.randrange(len(data) + 1)),)))
    elif data:
        at = random.randrange(min(len(data), 6 if way == 4 else len(data)))
        data[at] ^= 1 << random.randrange(8)
    return replace(event, data=bytes(data))


def test_no_trace_raises() -> None:
    random = Random(4)
    originals = traces()
    for number in range(count("trace_mutations")):
        unwrapper = Unwrapper(KEYS if number % 4 else KeyRing())
        decoder, redactor = Decoder(), Redactor()
        entries = 0
        for event in mutated(originals[number % len(originals)], random):
            for each in unwrapper.feed(event):
                assert not isinstance(each, Damage)
                for entry in decoder.feed(redactor.redact(each)):
                    entries += 1
                    assert entry.summary
                    if number % 10 == 0:
                        assert entry.tree().name
        unwrapper.close()
        decoder.flush()
        assert entries


def test_no_http_and_no_script_inside_tls_raises() -> None:
    random = Random(5)
    for _ in range(count("trace_mutations") // 4):
        said = [_mangled(message, random) for exchange in SESSION for message in exchange]
        redactor = Redactor()
        trace = channel(conversation([(said[0], said[1]), (said[2], said[3])]))
        for entry in decode(redactor.redact(event) for event in unwrap(trace, KEYS) if not isinstance(event, Damage)):
            assert entry.tree().name


def _mangled(message: bytes, random: Random) -> bytes:
    data = bytearray(message)
    for _ in range(random.randrange(4)):
        at = random.randrange(len(data))
        if random.random() < 0.5:
            data[at] = random.randrange(256)
        else:
            data[at : at + random.randrange(9)] = random.randbytes(random.randrange(9))
    return bytes(data) or b"\n"
