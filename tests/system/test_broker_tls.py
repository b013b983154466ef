"""TLS against a real broker, with an authority of the test's own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import Mosquitto, Peer, running, until
from papers import Papers

from falld.publish.link import Broker, PublishResult, Tls


@pytest.fixture
def papers(need: Callable[[str], str], tmp_path: Path) -> Papers:
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    papers.signed("server", "ca", "IP:127.0.0.1")
    return papers


def listening(need: Callable[[str], str], papers: Papers, more: str = "", name: str = "server") -> Mosquitto:
    settings = f"certfile {papers.path(name)}\nkeyfile {papers.path(f'{name}-key')}\nallow_anonymous true\n{more}"
    return Mosquitto(need("mosquitto"), papers.folder, settings)


async def fault_of(broker: Broker) -> str:
    peer = Peer(broker)
    async with running(peer.link.run):
        await until(lambda: peer.fault is not None)
    return str(peer.fault)


async def test_speaks_tls_and_names_what_keeps_it_from_that(need: Callable[[str], str], papers: Papers) -> None:
    with listening(need, papers) as mosquitto:
        peer = Peer(Broker("127.0.0.1", mosquitto.port, Tls(papers.path("ca"))))
        async with running(peer.link.run):
            await until(lambda: peer.link.state.up)
            for n in range(50):
                await peer.link.publish("t/one/in", b"%d" % n * 1000)
            await until(lambda: len(peer.messages) == 50)
            assert await peer.link.publish("t/x", b"") is PublishResult.NO_SUBSCRIBER

        of_system = await fault_of(Broker("127.0.0.1", mosquitto.port, Tls()))
        assert "certificate is not trusted" in of_system
        assert "CA file" in of_system
        other_name = await fault_of(Broker("localhost", mosquitto.port, Tls(papers.path("ca"))))
        assert "not valid for 'localhost'" in other_name
        without = await fault_of(Broker("127.0.0.1", mosquitto.port))
        assert "with TLS or without" in without


async def test_tls_to_a_port_without_it_is_named(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        assert "with TLS or without" in await fault_of(Broker("127.0.0.1", mosquitto.port, Tls()))


async def test_what_is_wrong_with_the_brokers_certificate_is_named(need: Callable[[str], str], papers: Papers) -> None:
    ca, other = papers.path("ca"), papers.authority("other")
    papers.signed("old", "ca", "IP:127.0.0.1", days=-1)
    with listening(need, papers) as mosquitto:
        assert "give the CA file" in await fault_of(Broker("127.0.0.1", mosquitto.port, Tls(other)))
        assert "a name that is in the certificate" in await fault_of(Broker("localhost", mosquitto.port, Tls(ca)))
    with listening(need, papers, name="old") as mosquitto:
        expired = await fault_of(Broker("127.0.0.1", mosquitto.port, Tls(ca)))
    assert "certificate has expired" in expired
    assert "renew the broker's certificate" in expired


async def test_files_that_are_not_what_they_should_be_are_named(papers: Papers) -> None:
    text, ca, key = papers.folder / "text.pem", papers.path("ca"), papers.path("ca-key")
    text.write_text("no certificate")
    spoilt = papers.folder / "spoilt.pem"
    spoilt.write_bytes(ca.read_bytes()[:200] + ca.read_bytes()[260:])
    for tls, named, what in (
        (Tls(papers.folder / "none.pem"), "none.pem", "cannot be read"),
        (Tls(text), "text.pem", "no certificate of an authority"),
        (Tls(ca, papers.folder / "none.pem"), "none.pem", "cannot be read (No such file"),
        (Tls(ca, papers.folder), str(papers.folder), "cannot be read (Is a directory)"),
        (Tls(ca, text), "text.pem", "holds no certificate"),
        (Tls(ca, ca), "ca.pem", "holds no private key"),
        (Tls(ca, ca, papers.folder / "none-key.pem"), "none-key.pem", "cannot be read"),
        (Tls(ca, ca, papers.path("server-key")), "server-key.pem", f"not that of {ca}"),
        (Tls(ca, spoilt, key), "spoilt.pem", "OpenSSL does not take it"),
    ):
        fault = await fault_of(Broker("127.0.0.1", 1, tls))
        assert fault.startswith(str(papers.folder))
        assert named in fault
        assert what in fault


async def test_a_key_that_is_encrypted_is_not_asked_for_at_the_terminal(papers: Papers) -> None:
    old, new = papers.path("old-key"), papers.path("new-key")
    papers.run("ec", "-in", papers.path("ca-key"), "-aes128", "-passout", "pass:secret", "-out", old)
    papers.run("pkcs8", "-topk8", "-in", papers.path("ca-key"), "-passout", "pass:secret", "-out", new)
    for locked in (old, new):
        fault = await fault_of(Broker("127.0.0.1", 1, Tls(papers.path("ca"), papers.path("ca"), locked)))
        assert fault.startswith(f"{locked}: the key in it is encrypted")


async def test_a_client_certificate_opens_the_door(need: Callable[[str], str], papers: Papers) -> None:
    papers.signed("client", "ca")
    papers.signed("old", "ca", days=-1)
    papers.authority("other")
    papers.signed("stranger", "other")
    (papers.folder / "acl").write_text("pattern readwrite t/%u/#\n")
    ca, acl = papers.path("ca"), papers.folder / "acl"
    more = f"cafile {ca}\nrequire_certificate true\nuse_identity_as_username true\nacl_file {acl}"
    with listening(need, papers, more) as mosquitto:

        def showing(name: str) -> Broker:
            return Broker("127.0.0.1", mosquitto.port, Tls(ca, papers.path(name), papers.path(f"{name}-key")))

        peer = Peer(showing("client"))
        async with running(peer.link.run):
            await until(lambda: peer.link.state.up)
            assert await peer.link.publish("t/client/x", b"") is PublishResult.NO_SUBSCRIBER
            assert await peer.link.publish("t/other/x", b"") is PublishResult.NOT_AUTHORISED
        assert "it asks for a client certificate" in await fault_of(Broker("127.0.0.1", mosquitto.port, Tls(ca)))
        assert "does not trust the client certificate" in await fault_of(showing("stranger"))
        assert "the client certificate has expired" in await fault_of(showing("old"))


async def test_a_broker_of_tls_1_2_says_the_same(need: Callable[[str], str], papers: Papers) -> None:
    """It refuses within the handshake."""
    ca = papers.path("ca")
    papers.signed("old", "ca", days=-1)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(ca)
    server.load_cert_chain(papers.path("server"), papers.path("server-key"))

    def serve() -> None:
        with contextlib.suppress(OSError):  # the listener is shut down
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(ssl.SSLError):
                    server.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, serving = listener.getsockname()[1], threading.Thread(target=serve)
        serving.start()
        try:
            assert "may ask for a client certificate" in await fault_of(Broker("127.0.0.1", port, Tls(ca)))
            expired = Tls(ca, papers.path("old"), papers.path("old-key"))
            assert "the client certificate has expired" in await fault_of(Broker("127.0.0.1", port, expired))
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join(10)
