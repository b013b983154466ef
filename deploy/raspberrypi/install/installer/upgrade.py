"""An upgrade, judged by a test alarm before and after it, and the way back."""

from __future__ import annotations

import signal
import time
from collections.abc import Set as AbstractSet
from pathlib import Path

from installer import outbox
from installer.outbox import as_falld
from installer.package import Package, apt, look
from installer.places import KEPT
from installer.service import TRY_S, heard, started, status, try_alarm
from installer.words import STUCK, TAKEN_BACK, UNHEARD_BEFORE_TOO, Failed, Stop, run, say, told

AFTER_S = 120.0
"""A hub that has committed a test alarm before the upgrade must do so within this after it: time for several, with the
longest wait between two attempts to connect."""


def previous_of(was: str, given: str | None) -> Package:
    """The package of what is installed.

    Raises:
        Stop: there is none, so there would be no way back.
    """
    for path in (KEPT, Path(given) if given else None):
        if path is not None and path.exists() and (package := look(path)).version == was:
            return package
    what = f"that of falld {was}, which is installed, is not kept, so there is no way back"
    raise Stop("package", what, "give it with --previous")


def upgrade(package: Package, was: str, previous: Package) -> int:
    """From a service that runs. Gives the exit status.

    Without the service for as long as apt needs: so what is copied of its outbox is the last word of the older falld.
    """
    if told("systemctl", "is-active", "falld-hub") == "active":
        raise Stop("upgrade", "a hub runs here, and no way back is known for its store", "upgrade it with apt-get")
    before, _ = try_alarm(TRY_S, frozenset())
    for what in before.values():
        say("ok", "before", what)
    if not before:
        say("?", "before", f"no monitoring hub has committed a test alarm of falld {was}, so the new one need only run")
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # what is stopped here must be started
    run("systemctl", "stop", "falld")
    stopped = time.monotonic()
    if not as_falld(outbox.keep):
        started()
        raise Stop("outbox", "no copy of it could be made, so nothing was upgraded", "see that the disk has room")
    try:
        apt(package)
        why = "" if started() else "it does not get ready"
    except Failed as error:
        why = f"it cannot be installed: {error}"
    if why:
        return take_back(package, was, previous, set(before), why)
    say("ok", "upgrade", f"falld {package.version} runs; there was none for {time.monotonic() - stopped:.0f} s")
    came, found = try_alarm(AFTER_S if before else 0.0, set(before))
    if not set(before) <= set(came):
        why = f"no monitoring hub has committed its test alarm within {AFTER_S:g} s, and one has before"
        return take_back(package, was, previous, set(before), why)
    as_falld(outbox.forget)
    package.path.replace(KEPT)
    return heard(package, came, found)


def take_back(package: Package, was: str, previous: Package, before: AbstractSet[str], why: str) -> int:
    """The outbox first; gives the exit status."""
    say("!!", "upgrade", f"falld {package.version}: {why}; falld {was} takes its place again")
    told("systemctl", "stop", "falld")
    if not as_falld(outbox.give_back):
        started()
        say("!!", "outbox", f"falld {was} cannot read it, so {package.version} stays, with all alerts; ask for help")
        return STUCK
    try:
        run("dpkg", "--install", str(previous.path))
    except Failed as error:
        started()  # with what there is
        say("!!", "package", f"{error}; `dpkg --install {previous.path}`, then `systemctl start falld`")
        return STUCK
    if not started():
        say("!!", "service", "it does not get ready; see `journalctl -u falld`")
        return STUCK
    say("ok", "service", f"falld {was} runs again, with all alerts; {status()}")
    came, _ = try_alarm(AFTER_S if before else 0.0, before)
    for what in came.values():
        say("ok", "test alarm", what)
    if before <= set(came):
        return TAKEN_BACK
    say("!!", "test alarm", "it does not come back with this one either; look at network, broker and hub")
    return UNHEARD_BEFORE_TOO
