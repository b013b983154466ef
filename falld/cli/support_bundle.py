"""What somebody who is to help needs to know, in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from falld.cli.doctor import examine
from falld.cli.options import config_file
from falld.config.last_good import load_or_last_good, state_dir
from falld.config.load import DEFAULT_PATH, ConfigError
from falld.config.schema import Config
from falld.config.secret import SecretError
from falld.support import archive, members
from falld.support.scrub import Scrubber, scrubbed


@click.command()
@config_file("The configuration.", default=DEFAULT_PATH, show_default=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
              help="A .tar.gz that is not there yet.")  # fmt: skip
def command(path: Path, out: Path) -> None:
    """Write what somebody who is to help needs to know into one file, and tell what is in it.

    Versions, what `falld doctor` finds, the configuration, the running daemon's health, what waits in the outbox, the
    Bluetooth adapters and the end of the journal. No samples, no password; names and addresses of wearables are
    shortened. Run it as the user of the service, or as root. Nothing is sent.
    """
    config, fault = _config(path)
    scrub = Scrubber(config, list(_secrets(config)) if config is not None else [])
    texts = {name: scrub.text(text) for name, text in _texts(path, config, fault)}
    archive.write(out, texts)
    for name, text in texts.items():
        click.echo(f"{len(text.encode()):8}  {name}")
    click.echo(f"{out}: written; look into it before you give it away: tar -xzf {out}")


def _config(path: Path) -> tuple[Config | None, str | None]:
    """What would run, and what is wrong with the file."""
    try:
        config, _, broken = load_or_last_good(path)
    except ConfigError as error:
        return None, str(error)
    return config, None if broken is None else str(broken)


def _secrets(config: Config) -> Iterator[SecretStr]:
    for route in config.routes:
        with suppress(SecretError):  # where it cannot be read, it can stand nowhere by falld's doing
            if (secret := route.broker.secret) is not None:
                yield secret.read()


def _texts(path: Path, config: Config | None, fault: str | None) -> Iterator[tuple[str, str]]:
    yield "versions.json", _json(members.versions())
    yield "doctor.jsonl", "".join(_line(asdict(finding)) for finding in examine(path))
    yield "configuration.json", _json({"fault": fault, "runs": None if config is None else scrubbed(config)})
    if config is not None:
        folder = state_dir(config)
        health = members.health(folder)
        yield "health.json", _json(health)
        if "fault" in health:
            yield "outbox.json", _json(members.waiting(folder))
        yield "state.json", _json(members.state(folder))
    yield "adapters.json", _json(members.adapters())
    if (journal := members.journal()) is not None:
        yield "journal.txt", journal


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
