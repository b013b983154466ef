"""The reference monitoring hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import get_args

import click
from pydantic import SecretStr

from falld.alert.clip import samples
from falld.alert.clock import utc_now
from falld.alert.draft import Answer
from falld.alert.topics import hub_status
from falld.cli.hub_store import backup, counters, default_store, forget, homes, list_alerts, opened, store_option
from falld.cli.options import private_files
from falld.config.kinds import is_loopback
from falld.config.secret import Secret
from falld.hub.aside import damaged, set_aside
from falld.hub.database import DamagedStore
from falld.hub.responders import Roster, read_roster
from falld.hub.retention import Keep
from falld.hub.service import Hub
from falld.hub.show import Event, as_json
from falld.hub.store import Store
from falld.publish.broker import Broker, Tls
from falld.publish.link import LinkState
from falld.publish.worker import Worker
from falld.samples.block import Block
from falld.samples.csvfile import write_csv
from falld.samples.recording import Mark, Meta
from falld.supervise.alive import keep_told
from falld.supervise.notify import Manager

PASSWORD_VARIABLE = "FALLD_MQTT_PASSWORD"


def _hub_id(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        hub_status(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.group(invoke_without_command=True)
@click.option("--broker", "address", default="mqtt://127.0.0.1", show_default=True, metavar="URL",
              help="mqtt://user@host:port, or with TLS mqtts://user@host:port.")  # fmt: skip
@click.option("--password-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help=f"Holds the password alone; else ${PASSWORD_VARIABLE}.")  # fmt: skip
@click.option("--ca-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Authority that signed the broker's certificate; else those of the system.")  # fmt: skip
@click.option("--cert-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The hub's own certificate, for a broker that asks for one.")  # fmt: skip
@click.option("--key-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Its key, not encrypted; else it is in the certificate's file.")  # fmt: skip
@click.option("--without-encryption", is_flag=True, help="No TLS; on this machine's own broker it is never asked for.")
@click.option("--name", default="hub", show_default=True, callback=_hub_id, metavar="HUBID", help="This hub's id.")
@store_option("Where alerts are kept; else ~/.local/state/falld/hub.db.")
@click.option("--responders", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="YAML: who is told of an alert, one after another until somebody answers.")  # fmt: skip
@click.option("--keep-days", type=click.IntRange(1, 36500), default=Keep().alerts.days, show_default=True, metavar="N",
              help="An alert that is closed, or made no sound, goes so long after the last word of it.")  # fmt: skip
@click.option("--keep-clips-days", type=click.IntRange(1, 36500), default=Keep().clips.days, show_default=True,
              metavar="N", help="A clip goes so long after it came, unless its alert is open.")  # fmt: skip
@click.option("--json", "as_jsonl", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(
    ctx: click.Context,
    address: str,
    password_file: Path | None,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    without_encryption: bool,
    name: str,
    store: Path | None,
    responders: Path | None,
    keep_days: int,
    keep_clips_days: int,
    as_jsonl: bool,
) -> None:
    """Receive alerts of all homes, commit them, acknowledge them and show them.

    Runs until interrupted. A password is never given on the command line.
    """
    ctx.obj = store
    if ctx.invoked_subcommand is None:
        if key_file is not None and cert_file is None:
            raise click.UsageError("give --cert-file beside --key-file")
        broker = Broker.at(address, password=_password(password_file), files=Tls(ca_file, cert_file, key_file))
        if broker.tls is None and not without_encryption and not is_loopback(broker.host):
            raise click.UsageError("the broker is on another machine: use mqtts://, or add --without-encryption")
        roster = Roster() if responders is None else read_roster(responders)
        keep = Keep(timedelta(days=keep_days), timedelta(days=keep_clips_days))
        with private_files():
            asyncio.run(_serve(broker, name, store or default_store(), roster, keep, as_jsonl))


for verb in (list_alerts, homes, counters, backup, forget):
    command.add_command(verb)


@command.command()
@click.argument("alert_id")
@click.argument("response", type=click.Choice(get_args(Answer)))
@click.option("--by", required=True, metavar="ID", help="Who says so; opaque, at most 64 characters.")
@click.option("--home", metavar="ID", help="Needed only where several homes have an alert of this id.")
@store_option("Where the hub keeps its alerts.")
@click.pass_obj
def respond(
    group_store: Path | None, alert_id: str, response: Answer, by: str, home: str | None, store: Path | None
) -> None:
    """Answer an alert. The answer is kept, and the running hub tells it to the home within a second."""
    if not 1 <= len(by) <= 64:
        raise click.BadParameter("1 to 64 characters are wanted", param_hint="--by")
    with opened(store or group_store) as there:
        reply = there.respond(alert_id, response, by, utc_now(), home)
    click.echo(f"{response} to alert {alert_id} of home {reply.home} is kept, and on its way when the hub runs")


@command.command()
@click.argument("alert_id")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
              help="The recording: .csv or .csv.gz, with a .yaml beside it.")  # fmt: skip
@click.option("--home", metavar="ID", help="Needed only where several homes have a clip of this id.")
@store_option("Where the hub keeps its alerts.")
@click.pass_obj
def clip(group_store: Path | None, alert_id: str, out: Path, home: str | None, store: Path | None) -> None:
    """Write the samples around an alert's impact as a recording, with a marker at the impact."""
    with opened(store or group_store) as there:
        kept = there.clips.find(alert_id, home)
    rate_hz = kept.clip.rate_hz
    impact = Mark(kept.clip.impact_index / rate_hz, "marker")
    write_csv(out, Meta(sample_rate_hz=rate_hz, source="home", events=(impact,)), [Block(*samples(kept.clip))])
    click.echo(f"{out}: the clip of alert {alert_id} of home {kept.home}, impact at {impact.t_s:.2f} s")


def _password(file: Path | None) -> SecretStr | None:
    if file is not None:
        return Secret.in_file(file).read()
    return Secret.in_environment(PASSWORD_VARIABLE).read() if os.environ.get(PASSWORD_VARIABLE) else None


class _Screen:
    """Writes what belongs together at once."""

    def __init__(self, as_jsonl: bool) -> None:
        self._as_jsonl = as_jsonl
        self._lines: list[str] = []

    def show(self, event: Event) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines.append(json.dumps(as_json(event)) if self._as_jsonl else event.line())

    def flush(self) -> None:
        if self._lines:
            click.echo("\n".join(self._lines))
            self._lines.clear()


def _open_or_begin(path: Path) -> Store:
    """The store that is there; a damaged one is set aside, and an empty one begun."""
    try:
        return Store.open(path)
    except DamagedStore:
        set_aside(path)
        return Store.open(path)


async def _serve(broker: Broker, name: str, path: Path, roster: Roster, keep: Keep, as_jsonl: bool) -> None:
    """Until SIGINT or SIGTERM."""
    screen = _Screen(as_jsonl)
    said = ""

    def state(link: LinkState) -> None:
        nonlocal said
        up = f"{broker.where}: connected with MQTT {link.protocol}"
        now = str(link.fault) if link.fault is not None else up
        if now != said:
            said = now
            click.echo(now, err=True)

    async def status() -> str:
        await call(utc_now)  # a store that hangs keeps its thread from answering
        return said or f"{broker.where}: connecting"

    call = Worker("falld-hub-store")
    manager = Manager.of_environment(os.environ)
    try:
        store = await call(_open_or_begin, path)
        fault = damaged(path)
        if fault is not None:
            click.echo(str(fault), err=True)
        try:
            hub = Hub(broker, name, store, call, show=screen.show, on_state=state, roster=roster, keep=keep)
            serving = asyncio.gather(hub.run(), keep_told(manager, status))
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await serving
        finally:
            screen.flush()
            await call(store.close)
    finally:
        call.close()
