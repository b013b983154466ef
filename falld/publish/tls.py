"""Encryption as the broker's address asks for it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from falld.publish.broker import Tls
from falld.publish.faults import LinkError

ENCRYPTED_KEY = (
    "keep it unencrypted, readable for falld alone, or as a systemd credential, which is encrypted on the disk"
)


class _Socket(ssl.SSLSocket):
    """Closes itself where the handshake fails, for paho drops it open.

    A broker refuses a client certificate after its own end of the handshake (TLS 1.3), so its reason comes with
    the first bytes that are read or written, where paho would swallow it.
    """

    told: Callable[[str], None]

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise

    def recv(self, *arguments: Any) -> bytes:
        try:
            return super().recv(*arguments)
        except ssl.SSLError as error:
            self._tell(error)
            raise

    def send(self, *arguments: Any) -> int:
        try:
            return super().send(*arguments)
        except (ssl.SSLEOFError, ConnectionError):
            try:
                super().recv(1)  # what the broker said before it closed the connection
            except OSError as error:
                self._tell(error)
            raise

    def _tell(self, error: OSError) -> None:
        reason = getattr(error, "reason", None)
        if isinstance(reason, str) and "_ALERT_" in reason:
            self.told(reason)


def tls_context(tls: Tls, told: Callable[[str], None] = lambda reason: None) -> ssl.SSLContext:
    """A context that checks certificate and host name; the files are read anew each time.

    Args:
        tls: what to make it of.
        told: called with OpenSSL's name for the broker's reason, where it gives one as it closes the connection.

    Raises:
        LinkError: a file cannot be read, or is not what it should be; names the file.
    """

    class Socket(_Socket):
        pass

    Socket.told = staticmethod(told)
    if tls.ca_file is not None:
        _read(tls.ca_file)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except ssl.SSLError:
        what = "it is no certificate of an authority"
        raise LinkError(str(tls.ca_file), what, "give the authority's certificate in PEM form") from None
    context.sslsocket_class = Socket
    if tls.cert_file is not None:
        _load_own(context, tls.cert_file, tls.key_file or tls.cert_file)
    return context


def _load_own(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    if b"-----BEGIN CERTIFICATE-----" not in _read(cert_file):
        raise LinkError(str(cert_file), "it holds no certificate", "give the client certificate in PEM form")
    key = _read(key_file)
    if b"PRIVATE KEY-----" not in key:
        raise LinkError(str(key_file), "it holds no private key", "give the client certificate's key in PEM form")
    if b"ENCRYPTED" in key:
        raise LinkError(str(key_file), "the key in it is encrypted", ENCRYPTED_KEY)
    try:
        # An empty password, for else OpenSSL asks for that of an encrypted key at the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            what = f"the key in it is not that of {cert_file}"
            raise LinkError(str(key_file), what, "give certificate and key that were made together") from None
        what = f"OpenSSL does not take it with {key_file} ({error.reason or 'not PEM'})"
        raise LinkError(str(cert_file), what, "make certificate and key anew") from None


def _read(path: Path) -> bytes:
    """OpenSSL's own errors do not name the file."""
    try:
        return path.read_bytes()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise LinkError(str(path), what, "put it there, readable for falld") from None
