"""TCP may cut a stream anywhere: what is read does not depend on where."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from partyrooms.server.websocket_parser import READ_SIZE, Parser
from tests.server_protocol.serving import masked
from tests.servers.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

MAX_SIZE = 1 << 20

sizes = st.sampled_from([0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 130])
keys = st.binary(min_size=4, max_size=4)


class Ear:
    """Keeps what a parser says."""

    def __init__(self):
        self.heard = []

    def message_received(self, payload):
        self.heard.append(payload)

    def ping_received(self, payload):
        self.heard.append((PING, payload))

    def pong_received(self, payload):
        self.heard.append((PONG, payload))

    def close_received(self, code, reason):
        self.heard.append((CLOSE, code, reason))


@st.composite
def messages(draw):
    """One message in fragments, pings and pongs between them, and what is heard."""
    is_text = draw(st.booleans())
    parts = draw(st.lists(sizes, min_size=1, max_size=3))
    if is_text:
        # A character of three bytes, so that fragments end within one.
        payload = ("€" * (sum(parts) // 3) + "x" * (sum(parts) % 3)).encode()
    else:
        payload = draw(st.binary(min_size=sum(parts), max_size=sum(parts)))
    data, heard, start = b"", [], 0
    for number, size in enumerate(parts):
        if draw(st.booleans()):
            opcode = draw(st.sampled_from([PING, PONG]))
            control = draw(st.binary(max_size=6))
            data += masked(opcode, control, draw(keys))
            heard.append((opcode, control))
        opcode = CONTINUATION if number else TEXT if is_text else BINARY
        piece, start = payload[start : start + size], start + size
        is_last = number == len(parts) - 1
        data += masked(opcode, piece, draw(keys), fin=is_last)
    return data, [*heard, payload.decode() if is_text else payload]


@st.composite
def streams(draw):
    """Messages behind each other, and perhaps a close frame."""
    drawn = draw(st.lists(messages(), min_size=1, max_size=3))
    data = b"".join(one for one, _ in drawn)
    heard = [item for _, some in drawn for item in some]
    if draw(st.booleans()):
        data += masked(CLOSE, b"\x03\xe8bye", draw(keys))
        heard.append((CLOSE, 1000, "bye"))
    return data, heard


def read(pieces):
    """Give a new parser a stream in pieces, as a transport does."""
    ear = Ear()
    parser = Parser(ear, ear.message_received, MAX_SIZE)
    for piece in pieces:
        parser.get_buffer(-1)[: len(piece)] = piece
        parser.buffer_updated(len(piece))
        assert parser.violation is None
    return ear.heard


@settings(max_examples=60)
@given(streams())
def test_a_stream_cut_at_every_byte(stream):
    """In two pieces at each place, and byte by byte, it says the same."""
    data, heard = stream

    async def cut():
        assert read([data]) == heard
        assert read(data[at : at + 1] for at in range(len(data))) == heard
        for at in range(1, len(data)):
            assert read([data[:at], data[at:]]) == heard, at

    asyncio.run(cut())


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([65535, 65536, 70_001, 200_000]), min_size=1), st.data()
)
def test_long_messages_in_pieces(wanted, data):
    """Whatever the reads give; no read is larger than it has to be."""
    payloads = [bytes([number]) * size for number, size in enumerate(wanted)]
    stream = b"".join(masked(BINARY, payload, bytes(4)) for payload in payloads)

    async def feed():
        ear = Ear()
        parser = Parser(ear, ear.message_received, MAX_SIZE)
        rest, largest = stream, 0
        while rest:
            buffer = parser.get_buffer(-1)
            largest = max(largest, len(buffer))
            size = min(len(buffer), len(rest), READ_SIZE)
            if size > 1:
                size = data.draw(st.sampled_from([size, size, size - 1, 1]))
            buffer[:size] = rest[:size]
            parser.buffer_updated(size)
            rest = rest[size:]
        assert ear.heard == payloads
        # picows doubles a buffer that is nearly full, and keeps it.
        assert largest < 4 * max(READ_SIZE, *wanted)

    asyncio.run(feed())
