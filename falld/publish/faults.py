"""What can go wrong with a broker, by name, and what to do about it."""

from __future__ import annotations

import socket
import ssl
from enum import IntEnum

from falld.errors import FalldError
from falld.publish.broker import Tls


class LinkError(FalldError):
    """A broker cannot be used; names host and port, what is wrong, and the remedy."""


class Unanswered(LinkError):
    """The connection stands, but MQTT got no answer in the version that was spoken."""


class Takeover(LinkError):
    """Somebody else connected with the same client id, and the broker threw this client out."""


class LinkDown(LinkError):
    """A message went unconfirmed: there is no connection, or it broke before the PUBACK."""


class PublishResult(IntEnum):
    """The reason code of a PUBACK (MQTT 5, 3.4.2.1); always OK where MQTT 3.1.1 is spoken."""

    OK = 0x00
    NO_SUBSCRIBER = 0x10
    UNSPECIFIED = 0x80
    IMPLEMENTATION_SPECIFIC = 0x83
    NOT_AUTHORISED = 0x87
    TOPIC_INVALID = 0x90
    PACKET_ID_IN_USE = 0x91
    QUOTA_EXCEEDED = 0x97
    PAYLOAD_INVALID = 0x99

    @classmethod
    def _missing_(cls, value: object) -> PublishResult:
        return cls.UNSPECIFIED

    @property
    def accepted(self) -> bool:
        """Whether the broker took the message, be it that nobody listens."""
        return self < 0x80


SESSION_TAKEN_OVER = 0x8E
KEEP_ALIVE_TIMEOUT = 0x8D
UNSUPPORTED_VERSION = 0x84
_LOGIN = (0x86, 0x87)  # bad user name or password, not authorised: brokers use either for a wrong password
_BUSY = (0x88, 0x89, 0x8B, 0x97, 0x9F)  # unavailable, busy, shutting down, quota, too many connections

_UNTRUSTED = {
    9: "check this machine's clock",
    10: "renew the broker's certificate; if it is new, check this machine's clock",
    62: "connect by a name that is in the certificate",
    64: "connect by an address that is in the certificate, or by a name",
}
"""By OpenSSL's number for the fault: not yet valid, expired, another host name, another IP address."""
_ALERTS = {
    "CERTIFICATE_REQUIRED": ("it asks for a client certificate", "give one, with its key"),
    "HANDSHAKE_FAILURE": ("it may ask for a client certificate", "give one, with its key, and see the broker's log"),
    "UNKNOWN_CA": (
        "it does not trust the client certificate",
        "have it signed by the authority that the broker's `cafile` holds",
    ),
    "CERTIFICATE_EXPIRED": ("the client certificate has expired", "make a new one; if it is new, check the clocks"),
    "CERTIFICATE_REVOKED": ("the client certificate was revoked", "make a new one"),
    "BAD_CERTIFICATE": ("it does not take the client certificate", "see the broker's log, and check the clocks"),
    "UNSUPPORTED_CERTIFICATE": ("the client certificate is not for clients", "make one for clients"),
}
"""What a broker means by the reason that it closes a connection with (RFC 8446, 6.2)."""
_NOT_AUTHORISED, _QUOTA, _PACKET_TOO_LARGE = 0x87, 0x97, 0x95
_REMEDIES = {
    _NOT_AUTHORISED: "allow it in the broker's access list",
    _QUOTA: "raise the broker's quota for this user",
    _PACKET_TOO_LARGE: "raise the largest packet that the broker takes, to 131072 bytes",
}

WRONG_PORT = "check that the port is one for MQTT, with TLS or without as the broker has it"
_SEE_BROKER = "see the broker's log"


def of_connecting(where: str, error: OSError) -> LinkError:
    """Why no connection came about."""
    match error:
        case socket.gaierror():
            return LinkError(
                where,
                f"the name cannot be resolved ({error.strerror})",
                "check the host name and the name server of this machine",
            )
        case ConnectionRefusedError():
            return LinkError(where, "nothing listens there", "start the broker, or mend host and port")
        case ssl.SSLCertVerificationError():
            what = f"the broker's certificate is not trusted ({error.verify_message})"
            return LinkError(where, what, _UNTRUSTED.get(error.verify_code, "give the CA file that signed it"))
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return LinkError(where, "no TLS is spoken there", "use the port with TLS, usually 8883")
        case ssl.SSLError():
            return of_alert(where, error.reason or "the handshake failed")
        case ConnectionResetError():
            return LinkError(where, "the connection was closed at once", WRONG_PORT)
        case TimeoutError():
            return LinkError(where, "no answer to the connection", "check the network, the firewall and the port")
        case _:
            return LinkError(
                where, f"cannot be reached ({error.strerror or error})", "check the network, host and port"
            )


def of_alert(where: str, reason: str) -> LinkError:
    """Why a broker ended TLS; `reason` is OpenSSL's name for it."""
    what, remedy = _ALERTS.get(reason.partition("_ALERT_")[2], ("", "check the port, and see the broker's log"))
    return LinkError(where, f"TLS failed: {what} ({reason})" if what else f"TLS failed ({reason})", remedy)


def of_silence(where: str, version: str, tls: Tls | None) -> LinkError:
    """The broker closed the connection before it answered."""
    what = f"the broker closed the connection without an answer to MQTT {version}"
    if tls is None:
        return Unanswered(where, what, WRONG_PORT)
    own = "asks for a client certificate" if tls.cert_file is None else "takes the client certificate"
    return Unanswered(where, what, f"check that the port is one for MQTT, and in the broker's log whether it {own}")


def of_connack(where: str, code: int, name: str) -> LinkError:
    """Why a broker refused the login; `name` is that of the reason code."""
    if code == UNSUPPORTED_VERSION:
        return Unanswered(where, f"the broker refused ({name})", "set protocol to auto")
    if code in _LOGIN:
        return LinkError(
            where,
            f"the broker refused the login ({name})",
            "check user name and password, and that the broker admits this user with its client id",
        )
    remedy = f"nothing if it passes; else {_SEE_BROKER}" if code in _BUSY else _SEE_BROKER
    return LinkError(where, f"the broker refused ({name})", remedy)


def of_loss(where: str, by_broker: bool, code: int, name: str) -> LinkError:
    """Why a connection that stood is gone; `by_broker`: it said so in a DISCONNECT."""
    if by_broker and code == SESSION_TAKEN_OVER:
        return Takeover(
            where,
            "somebody else connected with the same client id",
            "look for a second machine with the same identity, and give each its own",
        )
    if by_broker:
        passing = f"nothing if it passes; else {_SEE_BROKER}" if code in _BUSY else _SEE_BROKER
        remedy = _REMEDIES.get(code, passing)
        return LinkError(where, f"the broker ended the connection ({name})", remedy)
    what = "the broker does not answer pings" if code == KEEP_ALIVE_TIMEOUT else "the connection broke"
    return LinkError(where, what, "nothing if it passes; else check the network and the broker")


def of_short_run(last: LinkError, times: int) -> LinkError:
    """The connection came up and broke again at once, time after time."""
    what = f"{last.what}, {times} times in a row soon after the login"
    remedy = f"look for a second machine with the same identity; else {_SEE_BROKER}"
    return LinkError(last.where, what, remedy)


def of_refused_topic(where: str, doing: str, topic: str, code: int, name: str) -> LinkError:
    """The broker lets this user not `doing` (subscribe to, publish to) a topic; `name` is that of the reason code."""
    # A SUBACK of MQTT 3.1.1 has no other code than 0x80 for what the access list forbids.
    remedy = _REMEDIES.get(code, f"allow it in the broker's access list, or {_SEE_BROKER}")
    return LinkError(where, f"the broker refused to {doing} {topic} ({name})", remedy)
