"""What may leave the home: text in which nobody, and no wearable, can be known again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from falld.config.schema import Config

_ADDRESS = re.compile(
    r"(?<![0-9A-Fa-f])((?:[0-9A-Fa-f]{2}[:_-]){2}[0-9A-Fa-f]{2})((?:[:_-][0-9A-Fa-f]{2}){3})(?![0-9A-Fa-f])"
)
"""Of Bluetooth, as falld, BlueZ (`dev_A0_9E_…`) and others write it."""
_FOLDER_OF_A_PERSON = re.compile(r"(/home/)[^/\s\"']+")
SHORTEST_SECRET = 4
"""A shorter one stands in too many words to be hidden."""


class Scrubber:
    """Takes out of text, be it JSON, what names a wearable or a person's folder, or is a secret.

    Ids of home, wearers and alerts are random and stay, as does the broker's name: without them nobody can help.

    Args:
        config: what the names of wearables are; None: not known.
        secrets: what must not be found, should it stand anywhere after all.
    """

    def __init__(self, config: Config | None, secrets: Sequence[SecretStr] = ()) -> None:
        self._hidden: dict[str, str] = {}
        patterns: list[str] = []
        for value in (secret.get_secret_value() for secret in secrets):
            if len(value) >= SHORTEST_SECRET:
                patterns += self._hide(value, "<secret>")
        wearers = config.wearers if config is not None else ()
        for number, wearable in enumerate((each for wearer in wearers for each in wearer.wearables), start=1):
            if wearable.address is not None:
                patterns += self._hide_address(wearable.address)
            elif wearable.name is not None:
                for name in (wearable.name, wearable.source):
                    patterns += [
                        rf"(?<![A-Za-z0-9]){each}(?![A-Za-z0-9])" for each in self._hide(name, f"<wearable {number}>")
                    ]
        for button in (each for wearer in wearers for each in wearer.buttons):
            patterns += self._hide_address(button.address)
        self._pattern = re.compile("|".join(sorted(patterns, key=len, reverse=True)) or r"(?!)")

    def text(self, text: str) -> str:
        hidden = self._pattern.sub(lambda match: self._hidden[match.group()], text)
        return _FOLDER_OF_A_PERSON.sub(r"\1...", _ADDRESS.sub(_shortened, hidden))

    def _hide(self, value: str, label: str) -> list[str]:
        """Patterns of the value, as it is and as JSON writes it."""
        forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
        self._hidden |= dict.fromkeys(forms, label)
        return [re.escape(form) for form in forms]

    def _hide_address(self, address: str) -> list[str]:
        """Without its colons it is the wearable's id. The maker's half stays."""
        plain = address.replace(":", "")
        return [each for form in (plain.lower(), plain.upper()) for each in self._hide(form, f"{form[:6]}xxxxxx")]


def scrubbed(config: Config) -> dict[str, Any]:
    """A configuration without what an installer may have written into it that concerns nobody else: the arguments of
    the alarm's command, and a user name that is not the home's id. Secrets are in no configuration."""
    dump = config.model_dump(mode="json")
    if config.alarm.command is not None:
        program, *arguments = config.alarm.command
        dump["alarm"]["command"] = [program, f"<{len(arguments)} arguments>"]
    for route in dump["routes"]:
        if route["broker"]["username"] not in (None, config.home.id):
            route["broker"]["username"] = "<given>"
    return dump


def _shortened(match: re.Match[str]) -> str:
    return f"{match.group(1)}{re.sub('[0-9A-Fa-f]', 'x', match.group(2))}"
