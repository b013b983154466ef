"""What is given: options, and a file of answers for a first boot at which nobody can be asked."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from installer.places import CA, CERTIFICATE, CONFIG, KEY, PASSWORD, REQUEST
from installer.words import Stop

KINDS = {
    "home": str, "wearer": str, "wearable": str, "placement": str, "host": str, "port": int, "ca-file": str,
    "cert-file": str, "key-file": str, "make-key": bool, "without-encryption": bool, "no-password": bool,
    "password": str, "password-file": str, "keep-journal": bool,
}  # fmt: skip
"""Of the file of answers. A password is no option: options are seen by everybody on the machine."""
SPENT = ("password_file", "cert_file", "key_file")
"""Files of the answers in which there is a secret, or may be one."""
WORDS = {str: "text in quotes", int: "a number", bool: "true or false"}


def parse(arguments: Sequence[str], about: str) -> argparse.Namespace:
    """Options, and for those that are not given the answers.

    Raises:
        Stop: the file of answers cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="falld-install",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # --password would be taken for --password-file
    )
    parser.add_argument("package", metavar="PACKAGE", help="falld's .deb: a path, or a URL with its --sha256")
    parser.add_argument("--sha256", metavar="HEX", help="what the package must have")
    parser.add_argument("--previous", metavar="FILE", help="the package that is installed, where none is kept")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="TOML with names of options, and `password`")
    parser.add_argument(
        "--remove-answers",
        action="store_true",
        help="once they are used, with the password, certificate and key that they name",
    )
    home = parser.add_argument_group("for a home without a configuration; see `falld config init --help`")
    home.add_argument("--home", metavar="ID", help="else a random one is made")
    home.add_argument("--wearer", metavar="ID")
    home.add_argument("--wearable", metavar="ADDRESS|NAME")
    home.add_argument("--placement")
    home.add_argument("--host", help="of the broker")
    home.add_argument("--port", type=int)
    home.add_argument("--ca-file", metavar="FILE", help=f"signed the broker's certificate; copied to {CA}")
    home.add_argument("--without-encryption", action="store_true")
    home.add_argument("--no-password", action="store_true", help="the broker asks for none")
    own = parser.add_argument_group("for a broker that asks for a certificate; without a password, if none is given")
    own.add_argument("--cert-file", metavar="FILE", help=f"the home's own, whose CN is its id; copied to {CERTIFICATE}")
    own.add_argument("--key-file", metavar="FILE", help=f"its key, if it is in a file of its own; copied to {KEY}")
    own.add_argument("--make-key", action="store_true", help=f"make the key here, and {REQUEST} to be signed")
    parser.add_argument("--password-file", metavar="FILE", help=f"holds it; copied to {PASSWORD}")
    parser.add_argument("--keep-journal", action="store_true", help="leave the journal on the card")
    parser.set_defaults(password=None, spent=())
    given = parser.parse_args(arguments)
    if given.answers is not None:
        answers = answers_of(given.answers)
        named = [Path(answers[name]) for name in SPENT if name in answers]
        spent = [given.answers, *(file for file in named if file.resolve() not in (PASSWORD, CERTIFICATE, KEY))]
        parser.set_defaults(**answers, spent=spent if given.remove_answers else ())
    return parser.parse_args(arguments)


def answers_of(file: Path) -> dict[str, Any]:
    """By the names of options in Python; paths in it are relative to its folder.

    Raises:
        Stop: it is not there though there is no configuration, or is not what it must be.
    """
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8-sig"))  # editors of Windows put a mark before it
    except FileNotFoundError:
        if CONFIG.exists():  # it was used and removed
            return {}
        raise Stop("answers", f"{file} is not there", "write it, or leave --answers out and be asked") from None
    except (OSError, ValueError) as error:
        raise Stop("answers", f"{file}: {error}", 'mend it: its lines are as host = "broker.example.org"') from None
    for key, value in given.items():
        if key not in KINDS:
            raise Stop("answers", f"{file}: {key} is not known", f"known are {', '.join(KINDS)}")
        if type(value) is not KINDS[key]:
            raise Stop("answers", f"{file}: {key} is not {WORDS[KINDS[key]]}", "mend it")
        if key.endswith("-file"):
            given[key] = str(file.absolute().parent / str(value))
    return {key.replace("-", "_"): value for key, value in given.items()}
