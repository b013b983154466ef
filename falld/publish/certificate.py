"""A client's own certificate: whose it is, and until when."""

from __future__ import annotations

import re
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from falld.errors import FalldError
from falld.publish.faults import LinkError

SOON = timedelta(days=30)
"""Time for whoever signs the next one."""
OPENSSL_S = 10.0
ASK = ("openssl", "x509", "-noout", "-enddate", "-subject", "-nameopt", "multiline,utf8,-esc_msb", "-in")


class UntoldEnd(FalldError):
    """Until when a certificate holds cannot be told, though a route may use it."""


class Certificate(NamedTuple):
    """What is read in one."""

    path: Path
    name: str
    """The first CN, which brokers take for the user name; empty: it has none."""
    until: datetime


def read_certificate(path: Path) -> Certificate:
    """Asks the program openssl, for Python's ssl tells this of a peer's certificate alone.

    Raises:
        LinkError: it cannot be read, or is none.
        UntoldEnd: openssl is missing, or its end is no time.
    """
    try:
        path.read_bytes()  # openssl's own words do not tell the remedy
        done = subprocess.run(
            [*ASK, path], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
            timeout=OPENSSL_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LinkError(str(path), "openssl does not answer", "try again") from None
    except OSError as error:
        if error.filename == ASK[0]:
            what = "is not installed, so nobody knows how long certificates hold"
            raise UntoldEnd(ASK[0], what, "install it") from None
        what = f"cannot be read ({error.strerror})"
        raise LinkError(str(path), what, "put it there, readable for falld") from None
    end = re.search(r"^notAfter=(.+)$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or end is None:
        raise LinkError(str(path), "it holds no certificate", "give the client certificate in PEM form")
    name = re.search(r"^\s*commonName\s*= (.*)$", done.stdout, re.MULTILINE)
    try:
        until = datetime.fromtimestamp(ssl.cert_time_to_seconds(end[1]), UTC)
    except ValueError:
        raise UntoldEnd(str(path), f"its end is no time ({end[1]})", "have another one signed") from None
    return Certificate(path, name[1] if name is not None else "", until)


def fault_of(certificate: Certificate, now: datetime, user: str | None) -> LinkError | None:
    """What keeps it from being of use, now or soon. Pure.

    Args:
        user: as whom it must let this client speak; None: a password says who speaks.
    """
    where, remedy = str(certificate.path), "have another one signed, and put it there"
    if certificate.until <= now:
        return LinkError(where, f"has expired on {certificate.until:%Y-%m-%d}", remedy)
    if user is not None and certificate.name != user:
        return LinkError(
            where, f"is for {certificate.name or 'nobody'}, not for {user}", f"{remedy}, whose CN is {user}"
        )
    if certificate.until - now < SOON:
        return LinkError(where, f"expires on {certificate.until:%Y-%m-%d}", remedy)
    return None
