# SPDX-License-Identifier: Apache-2.0
"""Messages for tests to spoil: a RegisterEIS that is right, as text."""

from __future__ import annotations

import pytest

from smsr.api.functions import Function
from smsr.api.messages import RegisterEisRequest
from smsr.kit.soap.envelope import Fault, SoapError
from tests.unit.soap.samples import ADDRESSING, BINDING, FUNCTIONS, samples

REGISTER_EIS: Function = next(each for each in FUNCTIONS if str(each) == "ES1.RegisterEIS")


def register_request() -> RegisterEisRequest:
    """The request, with each element that an EIS can have."""
    request = samples(RegisterEisRequest)[0]
    assert isinstance(request, RegisterEisRequest)
    return request


def register_text() -> str:
    """The same as an envelope."""
    return BINDING.build(REGISTER_EIS, register_request(), ADDRESSING).decode()


def refused(document: str | bytes) -> Fault:
    """The fault that a document gets; it fails when the document is taken."""
    with pytest.raises(SoapError) as caught:
        BINDING.read(document if isinstance(document, bytes) else document.encode())
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.fault
