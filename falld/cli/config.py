"""The configuration file: check it, make one, describe it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import click
from pydantic import Field, TypeAdapter, ValidationError

from falld.config.kinds import Host, Id, is_loopback
from falld.config.load import DEFAULT_PATH, ConfigError, UnreadableConfig, json_schema, load
from falld.config.new import Answers, new_id, text_of, write_new
from falld.config.reference import page
from falld.samples.recording import PLACEMENTS

WRONG = 1
"""Exit status where the file has mistakes."""


@click.group()
def command() -> None:
    """Check a configuration file, make a new one, or describe what one may say."""


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_PATH, metavar="[FILE]")
def check(file: Path) -> None:
    """Tell every mistake of a configuration file at once; by default of /etc/falld/falld.yaml.

    Each is one line: file, line, key, what was expected and what is there, and what to do about it.

    Exit status: 0, the file is correct; 1, it has mistakes; 2, it cannot be read.
    """
    try:
        config = load(file)
    except UnreadableConfig:
        raise
    except ConfigError as error:
        click.echo(str(error))
        raise SystemExit(WRONG) from None
    click.echo(f"{file}: correct, for home {config.home.id}")


@command.command()
@click.option("--markdown", is_flag=True, help="As the reference page, docs/configuration.md.")
def schema(markdown: bool) -> None:
    """Print what the file may say as a JSON Schema, for editors."""
    click.echo(page() if markdown else json.dumps(json_schema(), indent=2), nl=not markdown)


def _as(kind: Any, words: str) -> Callable[[click.Context | None, click.Parameter | None, Any], Any]:
    """A callback that takes what the schema takes."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def checked(ctx: click.Context | None, param: click.Parameter | None, value: Any) -> Any:
        try:
            return None if value is None else adapter.validate_python(value)
        except ValidationError:
            raise click.BadParameter(f"{words} is wanted") from None

    return checked


_id = _as(Id, "1 to 64 of A-Z a-z 0-9 . _ -")
_host = _as(Host, "a host name or an IP address alone")
_worn = _as(Annotated[str, Field(min_length=1, max_length=248)], "an address, or 1 to 248 characters")


@command.command()
@click.option("--home", callback=_id, metavar="ID", help="The home's id; else a random one is made.")
@click.option("--wearer", callback=_id, default="w1", show_default=True, metavar="ID", help="Opaque: no names.")
@click.option("--wearable", callback=_worn, metavar="ADDRESS|NAME", help="As `falld scan` shows it.")
@click.option("--placement", type=click.Choice(PLACEMENTS), help="Where it is worn.")
@click.option("--host", callback=_host, help="The broker's host name or IP address.")
@click.option("--port", type=click.IntRange(1, 65535), help="The broker's port; else 8883 with TLS, 1883 without.")
@click.option("--without-encryption", is_flag=True, help="No TLS; on this machine's own broker it is never asked for.")
@click.option("--ca-file", metavar="FILE", help="Authority that signed the broker's certificate; else the system's.")
@click.option("--cert-file", metavar="FILE", help="The home's own certificate, whose CN is the home's id.")
@click.option("--key-file", metavar="FILE", help="Its key; else it is in the certificate's file.")
@click.option("--key-credential", metavar="NAME", help="The systemd credential that holds the key.")
@click.option("--password-file", metavar="FILE", help="A file that holds the broker's password alone.")
@click.option("--password-credential", metavar="NAME", help="The systemd credential that holds it.")
@click.option("--no-password", is_flag=True, help="The broker asks for none.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="A file that is not there yet; else standard output.")  # fmt: skip
def init(
    home: str | None,
    wearer: str,
    wearable: str | None,
    placement: str | None,
    host: str | None,
    port: int | None,
    without_encryption: bool,
    ca_file: str | None,
    cert_file: str | None,
    key_file: str | None,
    key_credential: str | None,
    password_file: str | None,
    password_credential: str | None,
    no_password: bool,
    out: Path | None,
) -> None:
    """Make a configuration file: from options, and on a terminal by asking for what they leave open.

    No password is asked for: the file says only where one is kept; with a certificate that is not asked either. What is
    made is correct, and nothing is overwritten.
    """
    if sum((password_file is not None, password_credential is not None, no_password)) > 1:
        raise click.UsageError("give one of --password-file, --password-credential and --no-password")
    wearable = wearable or _ask("--wearable", "Wearable (address, or name that it advertises)", check=_worn)
    placement = placement or _ask("--placement", "Worn at", type=click.Choice(PLACEMENTS), default="unknown")
    host = host or _ask("--host", "Broker (host name)", check=_host)
    if not (password_file or password_credential or no_password or cert_file):
        question = "File that holds the broker's password (empty: there is none)"
        password_file = _ask("--password-file", question, default="", show_default=False) or None
    tls = not without_encryption and bool(ca_file or cert_file or not is_loopback(host))
    answers = Answers(
        home=home or new_id(),
        wearer=wearer,
        wearable=wearable,
        placement=placement,
        host=host,
        port=port,
        tls=tls,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        key_credential=key_credential,
        password_file=password_file,
        password_credential=password_credential,
    )
    text = text_of(answers, out or Path("falld.yaml"))
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text)
    click.echo(f"{out}: written, for home {answers.home}", err=True)


def _ask(
    option: str,
    question: str,
    *,
    check: Callable[[None, None, str], str] | None = None,
    type: click.Choice[str] | None = None,
    **more: Any,
) -> str:
    """Asks again until the answer will do."""
    if not _on_terminal():
        raise click.UsageError(f"give {option}, or answer on a terminal")
    if check is not None:
        more["value_proc"] = lambda value: check(None, None, value)
    return str(click.prompt(question, type=type, err=True, **more))


def _on_terminal() -> bool:
    return sys.stdin.isatty()
