"""falld on a Debian or a Raspberry Pi OS: from its package to a test alarm that a monitoring hub has committed.

Asks for what no option, no file of answers and no configuration says. Run again it changes nothing. An upgrade after
which a test alarm does not come back any more is taken back, with all alerts.

Exit status:
  0  falld runs, and a hub has committed a test alarm, now or when this package came
  1  no hub has committed a test alarm, the service does not get ready, or a certificate is to be signed, as is told
  2  something is missing or wrong, as is told; what runs was left running
  3  an upgrade was taken back; the previous falld runs, and is as well as it was before
  4  an upgrade was taken back, but no hub commits a test alarm of the previous falld either: look at network and hub
  5  an upgrade went wrong and cannot be taken back: look after the wearers
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from installer.answers import parse
from installer.certificate import awaited, certificate, given_pair
from installer.home import configuration, password
from installer.package import apt, fetch, installed, look
from installer.places import GIVEN, KEPT, OWN, REQUEST, TESTED
from installer.service import service, tested
from installer.settings import bluetooth, journal
from installer.upgrade import previous_of, upgrade
from installer.words import WELL, WRONG, Failed, Stop, say


def install(given: argparse.Namespace) -> int:
    """Gives the exit status.

    Raises:
        Stop: it cannot go on.
    """
    package = fetch(given.package, given.sha256)
    was = installed()
    kept = look(KEPT) if KEPT.exists() else None  # of another version: an upgrade was cut off once it was installed
    same = was == package.version and (kept is None or kept.version != was or kept.sha256 == package.sha256)
    previous = None if same or not was else previous_of(was, given.previous)
    if not was:
        try:
            apt(package)
        except Failed as error:
            raise Stop("package", str(error), "see what apt says, and `apt-get update`") from None
    if previous is None:
        package.path.replace(KEPT)
        package = package._replace(path=KEPT)
        say("ok", "package", f"falld {package.version} is installed{' already' if was else ''}")
    pair = given_pair(given)
    if pair is not None:
        given.home = pair.home
    changed = [not was, bluetooth(package), journal(package, given.keep_journal), configuration(given)]
    renewed = any([password(given), certificate(given, pair)])
    for file in filter(Path.exists, given.spent):
        file.unlink()
        say("ok", "answers", f"{file} was removed")
    if renewed:
        TESTED.unlink(missing_ok=True)
    changed += [renewed, service(restart=renewed)]
    if previous is not None:
        return upgrade(package, was, previous)
    outcome = awaited() or tested(package)
    if outcome == WELL and not any(changed) and not REQUEST.exists():
        say("ok", "falld", "nothing was changed")
    return outcome


def main() -> NoReturn:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a lost connection is no reason to stop half way
    os.umask(0o022)  # falld is to read its configuration
    try:
        given = parse(sys.argv[1:], __doc__ or "")
        if os.geteuid() != 0:
            raise Stop("user", "this is not root", "put sudo before it")
        OWN.mkdir(mode=0o700, exist_ok=True)
        outcome = install(given)
    except Stop as stop:
        check, what, remedy = stop.args
        say("!!", check, f"{what}; {remedy}")
        outcome = stop.status
    except Failed as failed:
        say("!!", "falld", f"{failed}; mend that, and run this again")
        outcome = WRONG
    if os.geteuid() == 0:
        GIVEN.unlink(missing_ok=True)
    sys.exit(outcome)
