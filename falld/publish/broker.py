"""Where a broker is and how to log in to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from falld.errors import FalldError

PORT, TLS_PORT = 1883, 8883  # as registered with IANA


class BrokerAddressError(FalldError):
    """A broker's address that cannot be read; never repeats it, for a password may stand in it."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Encrypt, and check that the broker's certificate is for its host name."""

    ca_file: Path | None = None
    """PEM file of the authority that signed the broker's certificate; None: those of the system."""
    cert_file: Path | None = None
    """PEM file of the client's own certificate, for brokers that ask for one."""
    key_file: Path | None = None
    """Its key, not encrypted; None: it is in `cert_file`."""


@dataclass(frozen=True, slots=True)
class Broker:
    """One MQTT broker. `repr` shows no password."""

    host: str
    port: int = PORT
    tls: Tls | None = None
    username: str | None = None
    password: SecretStr | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """`auto`: MQTT 5, and 3.1.1 where the broker does not answer it."""

    @property
    def where(self) -> str:
        """How errors name it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def at(cls, address: str, *, password: SecretStr | None = None, files: Tls | None = None) -> Broker:
        """A broker from `mqtt://user@host:port` or, with TLS, `mqtts://user@host:port`.

        Args:
            files: for TLS; None: the authorities of the system, and no certificate of one's own.

        Raises:
            BrokerAddressError: it is not of that form, or a password stands in it.
        """
        remedy = "write it as mqtt://user@host:port, or with TLS as mqtts://user@host:port"
        try:
            url = urlsplit(address)
            port = url.port
        except ValueError:
            raise BrokerAddressError("broker address", "its port or host cannot be read", remedy) from None
        if url.password is not None:
            what = "a password stands in it, where every user of the machine can read it"
            raise BrokerAddressError("broker address", what, "put it into a file or $FALLD_MQTT_PASSWORD")
        if url.scheme not in ("mqtt", "mqtts") or not url.hostname or url.path.strip("/") or url.query or url.fragment:
            raise BrokerAddressError("broker address", "it is not of the expected form", remedy)
        if files not in (None, Tls()) and url.scheme == "mqtt":
            what = "a CA file or a certificate is given, but the address is one without TLS"
            raise BrokerAddressError("broker address", what, "use mqtts:// or leave the file out")
        username = unquote(url.username) if url.username else None
        if password is not None and username is None:
            what = "a password is given, but no user name"
            raise BrokerAddressError("broker address", what, "write the user before the host: mqtt://user@host")
        tls = (files or Tls()) if url.scheme == "mqtts" else None
        return cls(url.hostname, port or (TLS_PORT if tls else PORT), tls, username, password)
