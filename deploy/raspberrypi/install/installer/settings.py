"""What of the machine is set for falld. Each step says what it did, and gives whether it changed anything."""

from __future__ import annotations

import re
from collections.abc import Mapping

from installer.package import Package, setting
from installer.places import BLUEZ, JOURNAL, write
from installer.words import say, told


def bluetooth(package: Package) -> bool:
    """How long a connection holds when a body is in the way."""
    if not BLUEZ.exists():
        say("?", "bluetooth", f"there is no {BLUEZ}: install bluez, and run this again")
        return False
    wanted = dict(re.findall(r"^(\w+)=(\S+)$", setting(package, "bluetooth-main.conf"), re.MULTILINE))
    before = BLUEZ.read_text()
    after, others = with_settings(before, wanted)
    for key, value in others.items():
        say("?", "bluetooth", f"{BLUEZ}: {key} is {value}, and falld's is {wanted[key]}; it was left")
    if after == before:
        say("ok", "bluetooth", f"{BLUEZ} was left as it was")
        return False
    write(BLUEZ, after)
    told("systemctl", "try-restart", "bluetooth")
    say("ok", "bluetooth", f"{BLUEZ}: a connection holds for 5 s when a body is in the way")
    return True


def with_settings(text: str, wanted: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """BlueZ's main.conf with these keys in [LE].

    Returns:
        It, and what has another value there already, which stays: somebody wrote it.
    """
    header = re.search(r"^\[LE\][ \t]*\n", text, re.MULTILINE)
    if header is None:
        lines = "".join(f"{key}={value}\n" for key, value in wanted.items())
        return f"{text.rstrip()}\n\n[LE]\n{lines}".lstrip(), {}
    section = text[header.end() :].split("\n[")[0]
    there = dict(re.findall(r"^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", section, re.MULTILINE))
    added = "".join(f"{key}={value}\n" for key, value in wanted.items() if key not in there)
    others = {key: there[key] for key, value in wanted.items() if there.get(key, value) != value}
    return text[: header.end()] + added + text[header.end() :], others


def journal(package: Package, keep: bool) -> bool:
    """Where the system's journal is written."""
    wanted = setting(package, "journald.conf")
    if keep or (JOURNAL.exists() and JOURNAL.read_text() == wanted):
        say("ok", "journal", "it was left as it was")
        return False
    JOURNAL.parent.mkdir(exist_ok=True)
    write(JOURNAL, wanted)
    told("systemctl", "restart", "systemd-journald")
    say("ok", "journal", f"it is in memory from now on, to spare the card: {JOURNAL}")
    return True
