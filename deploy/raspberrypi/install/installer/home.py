"""What is a home's own: its configuration, and the broker's password. Each step gives whether it changed anything."""

from __future__ import annotations

import argparse
import getpass
import subprocess
import sys

from installer.places import CA, CERTIFICATE, CONFIG, PASSWORD, text_of, write
from installer.words import Failed, Stop, run, say

ASKED = ("home", "wearer", "wearable", "placement", "host", "port")


def configuration(given: argparse.Namespace) -> bool:
    """Made and asked for by falld itself; what is there is never written."""
    if CONFIG.exists():
        try:
            run("falld", "config", "check", str(CONFIG))
        except Failed as error:
            raise Stop("configuration", str(error), "mend it, see `falld config check`") from None
        say("ok", "configuration", f"{CONFIG} is correct, and was left as it was")
        return False
    certified = given.cert_file is not None or given.make_key
    password = given.password_file is not None or given.password is not None
    if not (given.no_password or password or certified or sys.stdin.isatty()):
        remedy = "give --password-file, --cert-file, --make-key or --no-password"
        raise Stop("configuration", "no password of the broker is given", remedy)
    command = ["falld", "config", "init", "--out", str(CONFIG)]
    for name in ASKED:
        if getattr(given, name) is not None:
            command += [f"--{name}", str(getattr(given, name))]
    if given.ca_file is not None:
        write(CA, text_of(given.ca_file))
        command += ["--ca-file", str(CA)]
    command += ["--without-encryption"] if given.without_encryption else []
    if certified:
        command += ["--cert-file", str(CERTIFICATE), "--key-credential", "broker-key"]
    without = given.no_password or (certified and not password)
    command += ["--no-password"] if without else ["--password-credential", "broker"]
    if subprocess.run(command, check=False).returncode != 0:
        raise Stop("configuration", f"{CONFIG} was not written", "see above for what is missing")
    say("ok", "configuration", f"{CONFIG} was written; the home's id is its user name at the broker")
    return True


def password(given: argparse.Namespace) -> bool:
    """Given, or asked for where it is needed."""
    there = PASSWORD.read_text().strip() if PASSWORD.exists() else ""
    wanted = given.password if given.password_file is None else text_of(given.password_file)
    needed = "password_credential" in CONFIG.read_text()
    if wanted is None and not needed:
        return False
    if wanted is None and not there:
        if not sys.stdin.isatty():
            raise Stop("password", f"{PASSWORD} is empty", "give --password-file")
        wanted = getpass.getpass("Password of this home at the broker: ")
    if wanted is None or wanted.strip() == there:
        say("ok", "password", "it was left as it was")
        return False
    write(PASSWORD, wanted.strip() + "\n", 0o600)
    say("ok", "password", f"{PASSWORD} was written, for root alone")
    return True
