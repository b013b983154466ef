"""Encryption as the broker's address asks for it."""

from __future__ import annotations

import ssl
from pathlib import Path

from falld.publish.broker import Tls
from falld.publish.faults import LinkError


class _Socket(ssl.SSLSocket):
    """Closes itself where the handshake fails, for paho drops it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(tls: Tls) -> ssl.SSLContext:
    """A context that checks certificate and host name; the files are read anew each time.

    Raises:
        LinkError: a file cannot be read, or is not what it should be; names the file.
    """
    _readable(tls.ca_file, tls.cert_file, tls.key_file)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except ssl.SSLError:
        what = "it is no certificate of an authority"
        raise LinkError(str(tls.ca_file), what, "give the authority's certificate in PEM form") from None
    context.sslsocket_class = _Socket
    if tls.cert_file is not None:
        try:
            # An empty password, for else OpenSSL asks for that of an encrypted key at the terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except ssl.SSLError:
            what = "it holds no client certificate with its key, or the key is encrypted or of another one"
            raise LinkError(str(tls.cert_file), what, "give both in PEM form, the key unencrypted") from None
    return context


def _readable(*paths: Path | None) -> None:
    """OpenSSL's own errors do not name the file."""
    for path in paths:
        if path is None:
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            raise LinkError(str(path), what, "put it there, readable for falld") from None
