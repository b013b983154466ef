"""TLS against a real broker, with an authority of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from brokers import Mosquitto, Peer, running, until

from falld.publish.link import Broker, PublishResult, Tls


@dataclass(frozen=True)
class Papers:
    """Certificates and keys in PEM files."""

    folder: Path
    openssl: str

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def authority(self, name: str) -> Path:
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._run("req", "-x509", *self._new(name), "-days", "2", "-subj", f"/CN={name}", *usage)
        return self.path(name)

    def signed(self, name: str, by: str, alt: str = "", days: int = 2) -> Path:
        extension = self.folder / f"{name}.ext"
        # Python 3.13 and later take no certificate that does not name its authority's key.
        names = f"subjectAltName={alt}\n" if alt else ""
        extension.write_text(f"authorityKeyIdentifier=keyid\n{names}")
        self._run("req", *self._new(name), "-subj", f"/CN={name}")
        self._run(
            "x509", "-req", "-in", self.path(name), "-CA", self.path(by), "-CAkey", self.path(f"{by}-key"),
            "-CAcreateserial", "-days", f"{days}", "-extfile", extension, "-out", self.path(name),
        )  # fmt: skip
        return self.path(name)

    def _new(self, name: str) -> tuple[str | Path, ...]:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        return *curve, "-keyout", self.path(f"{name}-key"), "-out", self.path(name)

    def _run(self, *arguments: str | Path) -> None:
        subprocess.run([self.openssl, *arguments], check=True, capture_output=True, timeout=20)


@pytest.fixture
def papers(need: Callable[[str], str], tmp_path: Path) -> Papers:
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    papers.signed("server", "ca", "IP:127.0.0.1")
    return papers


def listening(need: Callable[[str], str], papers: Papers, more: str = "") -> Mosquitto:
    settings = f"certfile {papers.path('server')}\nkeyfile {papers.path('server-key')}\nallow_anonymous true\n{more}"
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


async def test_files_that_are_not_what_they_should_be_are_named(papers: Papers) -> None:
    text = papers.folder / "text.pem"
    text.write_text("no certificate")
    for tls, named, what in (
        (Tls(papers.folder / "none.pem"), "none.pem", "cannot be read"),
        (Tls(text), "text.pem", "no certificate of an authority"),
        (Tls(papers.path("ca"), text), "text.pem", "no client certificate"),
    ):
        fault = await fault_of(Broker("127.0.0.1", 1, tls))
        assert named in fault
        assert what in fault


async def test_a_key_that_is_encrypted_is_not_asked_for_at_the_terminal(papers: Papers) -> None:
    locked = papers.path("locked-key")
    papers._run("ec", "-in", papers.path("ca-key"), "-aes128", "-passout", "pass:secret", "-out", locked)
    tls = Tls(papers.path("ca"), papers.path("ca"), locked)
    assert "the key is encrypted" in await fault_of(Broker("127.0.0.1", 1, tls))


async def test_a_client_certificate_opens_the_door(need: Callable[[str], str], papers: Papers) -> None:
    papers.signed("client", "ca")
    more = f"cafile {papers.path('ca')}\nrequire_certificate true\nuse_identity_as_username true"
    with listening(need, papers, more) as mosquitto:
        ca = papers.path("ca")
        peer = Peer(Broker("127.0.0.1", mosquitto.port, Tls(ca, papers.path("client"), papers.path("client-key"))))
        async with running(peer.link.run):
            await until(lambda: peer.link.state.up)
        assert "the broker closed the connection" in await fault_of(Broker("127.0.0.1", mosquitto.port, Tls(ca)))
