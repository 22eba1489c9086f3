"""The same over TLS, where a transport has no half that could be closed."""

import asyncio
import datetime
import ipaddress
import ssl
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.server_protocol.serving import Echo, serving
from tests.servers.raw import BINARY, CLOSE, TEXT, RawConnection, frame

NORMAL = (1000).to_bytes(2, "big")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


@asynccontextmanager
async def joined(certificate, application, **options):
    """A client behind its handshake, over TLS."""
    async with serving(
        application,
        ssl_certfile=str(certificate / "certificate.pem"),
        ssl_keyfile=str(certificate / "key.pem"),
        **options,
    ) as served:
        trust = ssl.create_default_context(cafile=certificate / "certificate.pem")
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=trust
        )
        client = RawConnection(served, reader, writer)
        try:
            await client.join("/")
            yield client
        finally:
            writer.transport.abort()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_messages_over_tls(certificate):
    """Small and large, and the scheme is `wss`."""
    schemes = []
    echo = Echo()

    async def application(scope, receive, send):
        schemes.append(scope["scheme"])
        await echo(scope, receive, send)

    async with joined(certificate, application) as client:
        await client.send(frame(TEXT, b"a") + frame(BINARY, bytes(1 << 20)))

        assert await client.frame() == (TEXT, b"a")
        assert await client.frame() == (BINARY, bytes(1 << 20))
        await client.send(frame(CLOSE, NORMAL))
        assert await client.frame() == (CLOSE, NORMAL)
        assert await client.rest() == b""
    assert schemes == ["wss"]
    assert await echo.ending() == (1000, "")


@pytest.mark.parametrize(
    ("data", "code"), [(frame(3), 1002), (frame(BINARY, bytes(1001)), 1009)]
)
async def test_violations_over_tls(certificate, data, code):
    """The close frame arrives, then the end."""
    echo = Echo()
    async with joined(certificate, echo, ws_max_size=1000) as client:
        await client.send(data)

        assert await client.close_code() == code
        assert await client.rest() == b""
    assert (await echo.ending())[0] == code


async def test_a_stop_over_tls(certificate):
    """1012, as without."""
    echo = Echo()
    async with joined(certificate, echo) as client:
        await client.send(frame(TEXT, b"a"))
        assert await client.frame() == (TEXT, b"a")
        client.server.shutdown()

        assert await client.close_code() == 1012
        assert await client.rest() == b""
