"""HTTP/3 over aioquic: a server that answers 204 to everything, and a client of one request.

    http3.py serve ADDRESS PORT CERTIFICATE KEY [retry]
    http3.py get ADDRESS PORT NAME [v1|v2|v1v2] [long]

`v1v2` begins with version 1 and goes on with 2 where the server likes it (RFC 9368). `long` makes a
ClientHello that no datagram holds. The client prints the status.
"""

import asyncio
import ssl
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion

V1, V2 = QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2
PATIENCE = 10


class Server(QuicConnectionProtocol):
    http = None

    def quic_event_received(self, event):
        if self.http is None:
            self.http = H3Connection(self._quic)
        for happened in self.http.handle_event(event):
            if isinstance(happened, HeadersReceived):
                headers = [(b":status", b"204")]
                self.http.send_headers(happened.stream_id, headers, end_stream=True)
                self.transmit()


class Client(QuicConnectionProtocol):
    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        self.http = H3Connection(self._quic)
        self.status = asyncio.get_running_loop().create_future()

    def get(self, name):
        stream = self._quic.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", name), (":path", "/")]
        headers = [(field.encode(), value.encode()) for field, value in fields]
        self.http.send_headers(stream, headers, end_stream=True)
        self.transmit()

    def quic_event_received(self, event):
        for happened in self.http.handle_event(event):
            if isinstance(happened, HeadersReceived) and not self.status.done():
                self.status.set_result(dict(happened.headers)[b":status"].decode())


async def server(address, port, certificate, key, *words):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    # What it prefers stands first.
    configuration.supported_versions = [V2, V1]
    configuration.load_cert_chain(certificate, key)
    await serve(
        address,
        int(port),
        configuration=configuration,
        create_protocol=Server,
        retry="retry" in words,
    )
    await asyncio.Future()


async def client(address, port, name, version="v1", *words):
    protocols = list(H3_ALPN)
    if "long" in words:
        protocols += [f"{at:02}" + "p" * 48 for at in range(40)]
    configuration = QuicConfiguration(is_client=True, alpn_protocols=protocols, server_name=name)
    configuration.verify_mode = ssl.CERT_NONE
    versions = {"v1": [V1], "v2": [V2], "v1v2": [V1, V2]}[version]
    configuration.original_version = versions[0]
    configuration.supported_versions = versions[::-1]
    async with connect(
        address, int(port), configuration=configuration, create_protocol=Client
    ) as connection:
        connection.get(name)
        print(await asyncio.wait_for(connection.status, PATIENCE))


if __name__ == "__main__":
    asyncio.run({"serve": server, "get": client}[sys.argv[1]](*sys.argv[2:]))
