"""What a visit means; whole deployments are in tests/servers/test_doctor.py."""

import pytest

from partyrooms.doctor.diagnosis import diagnose
from partyrooms.doctor.visit import Handshake, Visit

OPEN = {"status": 101, "told": {"origin": "https://a.example", "size": 10}}


def faults(handshake, **seen):
    visit = Visit("https://a.example", Handshake(**handshake), **seen)
    return [found.fault for found in diagnose(visit)]


def test_o11_what_is_well_is_not_told():
    """O11: an answer that was streamed, a server of any name."""
    assert faults(OPEN, is_streamed=True, server="uvicorn") == []


@pytest.mark.parametrize(
    ("handshake", "text"),
    [
        ({"status": 404}, "no room is there (404)"),
        ({"status": 502}, "the server, or what is before it, fails (502)"),
        ({"status": 403}, "the server refuses it (403)"),
        ({"status": 426}, "the proxy does not pass Upgrade"),
        ({"error": "SSLError: expired"}, "does not open: SSLError: expired"),
        ({"status": 101, "frame_error": "1013"}, "room cannot be reached: 1013"),
        ({**OPEN, "frame_error": "1009"}, "a frame of 10 bytes through"),
        ({**OPEN, "extensions": "permessage-deflate; a"}, "compresses each message"),
    ],
)
def test_o11_each_answer_has_one_meaning(handshake, text):
    """O11: one fault, one finding."""
    (fault,) = faults(handshake)

    assert text in fault


def test_o11_a_foreign_origin_is_told_with_what_the_server_believes():
    """O11: whoever reads it sees which header is wrong."""
    told = {"origin": "http://inside:8000", "size": 10}
    other = Handshake(status=101, told=told)

    (fault,) = faults({"status": 403}, without_origin=other)

    assert "takes itself for http://inside:8000" in fault
