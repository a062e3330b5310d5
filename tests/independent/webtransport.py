"""A WebTransport client that shares no line with Parlour: aioquic's QUIC and HTTP/3, and a few bytes of protobuf.

Usage: webtransport.py HOST PORT NAME PASSWORD. Prints a line for each step; any surprise is an exception.
"""

import asyncio
import ssl
import struct
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamDataReceived

PATIENCE = 10
HOST, PORT, NAME, PASSWORD = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic, enable_webtransport=True)
        self.events = asyncio.Queue()

    def quic_event_received(self, event):
        # Streams that this side opened inside the session carry bytes, not frames of HTTP/3.
        if isinstance(event, StreamDataReceived) and event.stream_id % 4 == 0 and event.stream_id > 0:
            self.events.put_nowait(event)
            return
        for happened in self.http.handle_event(event):
            self.events.put_nowait(happened)

    async def next(self, kind):
        while True:
            event = await asyncio.wait_for(self.events.get(), PATIENCE)
            if isinstance(event, kind):
                return event

    async def ask(self, session, body):
        stream = self.http.create_webtransport_stream(session)
        self._quic.send_stream_data(stream, varint(len(body)) + body, end_stream=True)
        self.transmit()
        answer = b""
        while True:
            event = await self.next(StreamDataReceived)
            if event.stream_id == stream:
                answer += event.data
                if event.end_stream:
                    length, rest = read_varint(answer)
                    assert length == len(rest), "a whole message"
                    return dict(fields(rest))


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def read_varint(data):
    value = shift = 0
    for at, byte in enumerate(data):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, data[at + 1 :]
    raise ValueError("an unfinished number")


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    while message:
        key, message = read_varint(message)
        value, message = read_varint(message)
        if key & 7 == 2:
            value, message = message[:value], message[value:]
        yield key >> 3, value


async def main():
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65536
    )
    async with connect(HOST, PORT, configuration=configuration, create_protocol=Client) as client:
        session = client._quic.get_next_available_stream_id()
        client.http.send_headers(
            session,
            [
                (b":method", b"CONNECT"),
                (b":scheme", b"https"),
                (b":authority", f"{HOST}:{PORT}".encode()),
                (b":path", b"/wt"),
                (b":protocol", b"webtransport"),
            ],
        )
        client.transmit()
        answer = dict((await client.next(HeadersReceived)).headers)
        assert answer[b":status"] == b"200", answer
        print("accepted")
        # docs/protocol.md: Request.hello = 1, Response.welcome = 3.
        hello = field(1, 1) + field(2, 1) + field(4, b"aioquic")
        welcome = await client.ask(session, field(1, hello))
        assert 3 in welcome, welcome
        print("greeted")
        password = field(1, NAME.encode()) + field(2, PASSWORD.encode())
        answer = await client.ask(session, field(2, password))
        logged_in = dict(fields(answer[4]))
        ssrc = logged_in[4]
        print("logged in")
        packet = bytes([1, 0x80, 111]) + struct.pack(">HII", 1, 960, ssrc) + b"\x48" * 40
        client.http.send_datagram(session, packet)
        client.transmit()
        echo = (await client.next(DatagramReceived)).data
        assert echo[0] == 1 and echo[9:13] == struct.pack(">I", ssrc) and echo.endswith(packet[13:]), echo
        print("echoed")


asyncio.run(main())
