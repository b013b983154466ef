"""The home's own certificate for a broker that asks for one: given with its key, or signed for a key that is made here
and never leaves this machine."""

from __future__ import annotations

import argparse
import re
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from installer.places import CERTIFICATE, CONFIG, KEY, REQUEST, text_of, write
from installer.words import UNHEARD, WELL, Failed, Stop, run, say

BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z ]+)-----.*?-----END (?P=kind)-----", re.DOTALL)
NAME = re.compile(r"^\s*commonName\s*=\s*(.*)$", re.MULTILINE)
RENEW_S = 30 * 86400
"""Before a certificate ends another one may be asked for: time for whoever signs it."""


class Pair(NamedTuple):
    """In PEM form, and for whom."""

    certificate: str
    key: str
    home: str


def given_pair(given: argparse.Namespace) -> Pair | None:
    """What is to be copied; None: nothing is given.

    Raises:
        Stop: it cannot be used.
    """
    if given.cert_file is None:
        if given.key_file is not None:
            raise Stop("certificate", "a key is given without its certificate", "give --cert-file too")
        return None
    text = text_of(given.cert_file)
    of_key = text if given.key_file is None else text_of(given.key_file)
    key = next(_blocks(of_key, "PRIVATE KEY"), None)
    place = given.key_file or given.cert_file
    if key is None and given.key_file is None and KEY.exists():
        key, place = text_of(str(KEY)), str(KEY)
    if key is None:
        raise Stop("certificate", f"there is no key in {place}", "give --key-file with its key")
    pair = Pair("".join(_blocks(text, "CERTIFICATE")), key, _name(given.cert_file))
    try:
        # An empty password, for else OpenSSL asks for that of an encrypted key at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(given.cert_file, place, password="")
    except OSError as error:
        what = f"{given.cert_file} cannot be used with the key in {place}"
        why = getattr(error, "reason", None) or "not PEM, or with a passphrase"
        remedy = "give the two that were made together, the key without a passphrase"
        raise Stop("certificate", f"{what} ({why})", remedy) from None
    if given.home not in (None, pair.home):
        raise Stop("certificate", f"{given.cert_file} is for {pair.home}", f"give that of home {given.home}")
    return pair


def certificate(given: argparse.Namespace, pair: Pair | None) -> bool:
    """What is given is copied, and a key and a request are made where they are asked for. Gives whether it changed
    what the service reads.

    A home that has a password keeps it until its certificate is there: so the configuration names that one only then.

    Raises:
        Stop: it is not for this home, or the configuration says nothing of it.
    """
    if pair is None and not given.make_key:
        return False
    home = _home()
    if pair is not None:
        if pair.home != home:
            raise Stop("certificate", f"{given.cert_file} is for {pair.home}", f"give that of home {home}")
        if not _is_named():
            lines = f"`cert_file: {CERTIFICATE}` and `key_credential: broker-key` in the place of its password"
            remedy = f"give its broker {lines}, and the port where certificates are asked for; then run this again"
            raise Stop("certificate", f"{CONFIG} names none", remedy)
        return _copy(pair)
    if _holds(RENEW_S):
        say("ok", "certificate", "it was left as it was")
        return False
    return _ask_for(home)


def awaited() -> int:
    """Tells of a request that is not answered yet. Gives the exit status, for without a certificate nobody is heard."""
    if not REQUEST.exists():
        return WELL
    outcome, sign = (UNHEARD, "!!") if _is_named() and not _holds(0) else (WELL, "?")
    what = f"{REQUEST} is to be signed by who runs the broker"
    say(sign, "certificate", f"{what}; then run this again with --cert-file and what comes of it")
    return outcome


def _copy(pair: Pair) -> bool:
    there = [path.read_bytes() if path.exists() else b"" for path in (KEY, CERTIFICATE)]
    changed = there != [pair.key.encode(), pair.certificate.encode()]
    if changed:
        write(KEY, pair.key, 0o600)
        write(CERTIFICATE, pair.certificate)
        say("ok", "certificate", f"{CERTIFICATE} was written, and its key for root alone")
    else:
        say("ok", "certificate", "it was left as it was")
    REQUEST.unlink(missing_ok=True)  # last, for it is answered once the certificate is there
    return changed


def _ask_for(home: str) -> bool:
    """A key, where there is none, and a request for it."""
    made = not KEY.exists()
    if made:
        write(KEY, run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), 0o600)
        say("ok", "certificate", f"{KEY} was made, for root alone")
    if made or not REQUEST.exists():
        write(REQUEST, run("openssl", "req", "-new", "-key", str(KEY), "-subj", f"/CN={home}"))
        say("ok", "certificate", f"{REQUEST} was made: the request for a certificate of home {home}")
    return made and _is_named()


def _is_named() -> bool:
    return CERTIFICATE.name in CONFIG.read_text()


def _home() -> str:
    """The id that the configuration has.

    Raises:
        Stop: the falld that is installed does not tell.
    """
    told = re.search(r"for home (\S+)$", run("falld", "config", "check", str(CONFIG)), re.MULTILINE)
    if told is None:
        raise Stop(
            "certificate", "the falld that is installed takes none", "upgrade it first, then give the certificate"
        )
    return told[1]


def _blocks(text: str, kind: str) -> Iterator[str]:
    """Those of a text in PEM form whose kind ends with this."""
    return (f"{each[0]}\n" for each in BLOCK.finditer(text) if each["kind"].endswith(kind))


def _name(file: str) -> str:
    """Whom a certificate is for: what a broker takes as the user name.

    Raises:
        Stop: it is none.
    """
    try:
        told = run("openssl", "x509", "-noout", "-subject", "-nameopt", "multiline,utf8,-esc_msb", "-in", file)
    except Failed as error:
        raise Stop("certificate", f"{file} holds none: {error}", "give it in PEM form") from None
    names = NAME.findall(told)
    if not names:
        raise Stop("certificate", f"{file} has no CN", "have one signed whose CN is the home's id")
    return names[0]


def _holds(for_s: int) -> bool:
    """Whether there is one that has not ended by then."""
    try:
        run("openssl", "x509", "-noout", "-checkend", str(for_s), "-in", str(CERTIFICATE))
    except Failed:
        return False
    return True
