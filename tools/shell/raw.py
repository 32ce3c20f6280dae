# SPDX-License-Identifier: Apache-2.0
"""Commands on the card as a whole: APDUs as they are, channels, reset, AUTHENTICATE."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from dataclasses import replace
from typing import Final

from apdu.aka.authenticate import GsmAnswer, GsmChallenge, SecurityContext, UmtsAnswer, UmtsChallenge, parse_umts_answer
from apdu.command.apdu import CommandApdu
from apdu.command.cla import MAX_CHANNEL
from tools.errors import ToolError
from tools.reader.apdutext import parse_command
from tools.reader.info import gather
from tools.reader.infoview import as_json, lines
from tools.reader.output import Done
from tools.reader.send import exchange_line
from tools.shell.arguments import arg, command, number, octets
from tools.shell.base import ShellSet

__all__ = ["CardSet"]

_SELECT, _AUTHENTICATE = 0xA4, 0x88
_CONTEXTS: Final = {"3g": SecurityContext.UMTS, "gsm": SecurityContext.GSM}


def _status_word(text: str) -> int:
    raw = octets(text)
    if len(raw) != 2:
        raise ArgumentTypeError(f"{text!r} is no status word, for example 9000")
    return int.from_bytes(raw, "big")


class CardSet(ShellSet):
    """The card."""

    DEFAULT_CATEGORY = "Card"

    @command(
        "apdu 00A40004023F0000 --expect-sw 9000",
        arg("apdu", nargs="+", metavar="APDU", help="hexadecimal, or CLA INS P1P2:DATA/LE=SW"),
        arg("--expect-sw", type=_status_word, metavar="SW", help="the status word that must come"),
        arg("--raw", action="store_true", help="past the SCP03 session that is open"),
    )
    def do_apdu(self, args: Namespace) -> None:
        """Send a command as it is, through the SCP03 session if one is open."""
        line = parse_command("".join(args.apdu))
        if args.expect_sw is not None:
            line = replace(line, expected=args.expect_sw)
        session = self.session
        protected = not args.raw and session.secured
        sent = exchange_line(session.card, session.domain.send if protected else None, line)
        if line.command[1] == _SELECT and sent.response.status.is_success:
            session.lost()
        self.show(sent)
        if not sent.good:
            raise ToolError(sent.unexpected)

    @command("info")
    def do_info(self, _: Namespace) -> None:
        """Show what the card tells about itself: ATR, EID, ICCID, certificate, applications, with -k profiles."""
        with self.session.aside():
            info = gather(self.session.card)
        self.show(Done(tuple(lines(info)), as_json(info)))

    @command("reset")
    def do_reset(self, _: Namespace) -> None:
        """Reset the card and show its ATR; a card that was away is connected to again."""
        self._atr(self.session.reset())

    @command("reconnect")
    def do_reconnect(self, _: Namespace) -> None:
        """Begin with the card that is in the reader now; keys of the one before are forgotten."""
        self._atr(self.session.reconnect())

    def _atr(self, atr: bytes) -> None:
        self.show(Done((f"ATR {atr.hex().upper()}",), {"atr": atr.hex().upper()}))

    # --- channels

    @command(
        "open_channel 1",
        arg("chan_nr", nargs="?", type=number(1, MAX_CHANNEL), default=0, help="which; the card chooses otherwise"),
    )
    def do_open_channel(self, args: Namespace) -> None:
        """Open a logical channel (MANAGE CHANNEL); switch_channel goes there."""
        opened = self.session.open_channel(args.chan_nr)
        self.done(f"channel {opened} is open", channel=opened)

    @command("close_channel 1", arg("chan_nr", type=number(1, MAX_CHANNEL), help="which"))
    def do_close_channel(self, args: Namespace) -> None:
        """Close a logical channel (MANAGE CHANNEL)."""
        self.session.close_channel(args.chan_nr)
        self.done(f"channel {args.chan_nr} is closed", channel=args.chan_nr)

    @command("switch_channel 1", arg("chan_nr", type=number(0, MAX_CHANNEL), help="which; 0 is the basic one"))
    def do_switch_channel(self, args: Namespace) -> None:
        """Let the commands that follow go to another logical channel."""
        self.session.switch_channel(args.chan_nr)
        self.done(f"channel {args.chan_nr}", channel=args.chan_nr)

    # --- AUTHENTICATE

    @command(
        "authenticate 00112233445566778899AABBCCDDEEFF FFEEDDCCBBAA99887766554433221100",
        arg("rand", type=octets, metavar="RAND", help="16 bytes"),
        arg("autn", nargs="?", type=octets, metavar="AUTN", help="16 bytes; none in the gsm context"),
        arg("--context", choices=tuple(_CONTEXTS), default="3g", help="security context (3g)"),
    )
    def do_authenticate(self, args: Namespace) -> None:
        """Answer a network's challenge in the selected ADF (AUTHENTICATE)."""
        context = _CONTEXTS[args.context]
        sizes = [len(each) for each in (args.rand, args.autn) if each is not None]
        if sizes != [16] * (2 if context is SecurityContext.UMTS else 1):
            raise ToolError("RAND and AUTN have 16 bytes each; the gsm context takes RAND alone")
        gsm = context is SecurityContext.GSM
        challenge = GsmChallenge(args.rand) if gsm else UmtsChallenge(args.rand, args.autn)
        request = CommandApdu(0x00, _AUTHENTICATE, 0x00, context, challenge.encode(), 256)
        answer = self.session.files.expect(request, "AUTHENTICATE").data
        found = _gsm(GsmAnswer.parse(answer)) if gsm else _umts(answer)
        self.show(Done(tuple(f"{name:<5}{value}" for name, value in found.items()), found))


def _gsm(answer: GsmAnswer) -> dict[str, str]:
    return {"sres": answer.sres.hex().upper(), "kc": answer.kc.hex().upper()}


def _umts(data: bytes) -> dict[str, str]:
    answer = parse_umts_answer(data)
    if not isinstance(answer, UmtsAnswer):
        return {"auts": answer.auts.hex().upper()}
    found = {"res": answer.res, "ck": answer.ck, "ik": answer.ik, "kc": answer.kc}
    return {name: value.hex().upper() for name, value in found.items() if value is not None}
