# SPDX-License-Identifier: Apache-2.0
"""`euicc es1` to `es4a` call each function with what their options say, and print what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function
from smsr.api.json_codec import encode
from smsr.api.messages import Call, EisResponse, Request, Response
from smsr.api.status import SUCCESS, Code, failed
from smsr.serving.service import Binding
from tests.support.serving import OIDS, Lab, caller_name, requests_of
from tests.unit.soap.samples import full_eis, samples
from tools.cli import main
from tools.client.options import members_of

CALLED = [("sm-sr", each) for each in requests_of(SM_SR_FUNCTIONS)]
CALLED += [("sm-dp", each) for each in requests_of(SM_DP_FUNCTIONS)]
EID, ICCID = "89001012012341234012345678901224", "8988300000000000002"


def run(lab: Lab, server: str, *arguments: str) -> Result:
    """One command."""
    interface, name, *more = arguments
    where = ["--server", lab.urls[server], "--pki", str(lab.folder.path)]
    return CliRunner().invoke(main, [interface, name, *where, *more])


def _arguments(function: Function, request: Request, path: Path) -> Iterator[str]:
    message = json.loads(encode(request))
    for member in members_of(function):
        value: Any = message
        for name in member.path:
            value = value.get(name) if isinstance(value, dict) else None
        option = f"--{member.name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if each is None or each is False:
                continue
            yield option
            if member.kind == "file":
                path.write_text(json.dumps(each))
                yield str(path)
            elif member.kind == "pairs":
                yield "=".join(each.values())
            elif each is not True:
                yield str(each)


@pytest.mark.parametrize("binding", Binding)
@pytest.mark.parametrize("provider, function", CALLED, ids=str)
def test_each_function(lab: Lab, provider: str, function: Function, binding: Binding, tmp_path: Path) -> None:
    name, service = caller_name(function.interface), lab.services[provider]
    service.respond = None
    for request in samples(function.request):
        assert isinstance(request, Request)
        service.forget()
        expected = replace(request, call=Call(OIDS[name], "call 1", 60))
        given = _arguments(function, request, tmp_path / "eis.json")
        more = "--binding", binding.value, "--call", "call 1", "--validity", "60"
        result = run(lab, provider, function.interface.lower(), function.name, *given, *more)
        assert result.exit_code == 0, result.output
        assert [each[:2] for each in service.calls] == [(function, expected)]
        done = function.exchange is Exchange.SYNCHRONOUS
        assert result.output.startswith(f"{'status':<34}EXECUTED_SUCCESS" if done else "accepted: ")


def test_what_comes_back_is_text_or_json(lab: Lab) -> None:
    service = lab.services["sm-sr"]
    service.respond = lambda *_: EisResponse(status=SUCCESS, eis=full_eis())
    text = run(lab, "sm-sr", "es3", "GetEIS", "--eid", EID).output
    assert f"{'    state':<34}Enabled" in text
    assert "    iccid" in text
    assert "SecretKey" not in text
    found = json.loads(run(lab, "sm-sr", "es3", "GetEIS", "--eid", EID, "--json").output)
    assert found["eis"]["profiles"][0]["state"] == "Enabled"


def test_a_function_that_failed_is_exit_code_1(lab: Lab) -> None:
    lab.services["sm-sr"].respond = lambda *_: Response(status=failed(Code.EID_UNKNOWN, "", EID))
    result = run(lab, "sm-sr", "es4", "UpdatePolicyRules", "--eid", EID, "--iccid", ICCID)
    assert result.exit_code == 1
    assert "8.1.1/3.9" in result.output
    assert EID in result.output


def test_an_operation_can_be_waited_for_and_asked_for_again(lab: Lab) -> None:
    function = next(each for _, each in CALLED if str(each) == "ES4.EnableProfile")
    service, given = lab.services["sm-sr"], ("es4", "EnableProfile", "--eid", EID, "--iccid", ICCID)
    original = type(service).call

    def done_at_once(self: Any, *arguments: Any) -> Any:
        found: Any = original(self, *arguments)
        assert function.response is not None
        self.finish(found.id, function.response(status=failed(Code.POL2)))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(service), "call", done_at_once)
        result = run(lab, "sm-sr", *given, "--wait")
    assert result.exit_code == 1
    assert "8.2.3/3.8" in result.output
    later = run(lab, "sm-sr", *given, "--call", "mno-7")
    assert "the same command with --call mno-7 shows how far it is" in later.output


@pytest.mark.parametrize(
    "arguments, code, text",
    [
        (("es3", "GetEIS"), 2, "Missing option '--eid'"),
        (("es3", "GetEIS", "--eid", "12"), 2, "EID"),
        (("es3", "Nothing"), 2, "No such command"),
        (("es3", "UpdatePolicyRules", "--eid", EID, "--iccid", ICCID, "--rule", "DISABLE"), 2, "ACTION=QUALIFICATION"),
        (("es3", "UpdatePolicyRules", "--eid", EID, "--iccid", ICCID, "--rule", "A=B"), 2, "'A'"),
        (("es3", "SendData", "--eid", EID, "--sd-aid", "A0000005591010", "--data", "@nothing"), 1, "no such file"),
        (("es3", "GetEIS", "--eid", EID, "--as", "nobody"), 1, "has no certificates of nobody"),
        (("es3", "GetEIS", "--eid", EID, "--as", "../ci"), 1, "has no certificates"),
        (("es3", "GetEIS", "--eid", EID, "--server", "http://127.0.0.1"), 2, "not https"),
        (("es3", "GetEIS", "--eid", EID, "--server", "https://127.0.0.1:1"), 1, "connection refused"),
        (("es3", "EnableProfile", "--eid", EID, "--iccid", ICCID, "--binding", "soap", "--wait"), 2, "--binding json"),
        (("es2", "GetEIS", "--eid", EID, "--smsr-id", "2.999.10.4"), 1, "is an SM-SR; ES2.GetEIS is for an SM-DP"),
        (("es3", "GetEIS", "--eid", EID, "--passphrase-env", "NOT_THERE"), 2, "no environment variable NOT_THERE"),
    ],
)
def test_bad_input_is_one_line(lab: Lab, arguments: tuple[str, ...], code: int, text: str) -> None:
    result = run(lab, "sm-sr", *arguments)
    assert result.exit_code == code, result.output
    assert text in result.output
    assert len([line for line in result.output.splitlines() if line.startswith("Error")]) == 1
    assert lab.services["sm-sr"].untouched


def test_another_role_is_told_so(lab: Lab) -> None:
    result = run(lab, "sm-sr", "es3", "GetEIS", "--eid", EID, "--as", "operator")
    assert result.exit_code == 1
    assert "1.1/1.2" in result.output


def test_each_command_has_its_help() -> None:
    for interface in ("es1", "es2", "es3", "es4", "es4a"):
        result = CliRunner().invoke(main, [interface, "-h"])
        assert result.exit_code == 0
        assert f"euicc {interface} " in result.output
    for _, function in CALLED:
        result = CliRunner().invoke(main, [function.interface.lower(), function.name, "-h"])
        assert result.exit_code == 0
        assert "--server URL" in result.output
