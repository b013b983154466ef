"""The road to a broker, step by step: name, TCP, TLS, login."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Literal

from falld.alert.clock import utc_now
from falld.checkup.finding import Finding, ill, tried
from falld.config.schema import Config, Route
from falld.config.secret import SecretError
from falld.daemon.login import broker_of
from falld.errors import FalldError
from falld.publish.broker import Broker, Tls
from falld.publish.certificate import fault_of, read_certificate
from falld.publish.faults import LinkError, Unanswered, of_connecting
from falld.publish.tls import tls_context

TCP_S = 5.0
"""As long as the daemon waits: a SYN is repeated after 1 s and 3 s, so two may be lost."""
AS_SERVICE = (
    "systemd gives it to the service alone: `systemd-run --pipe --uid=falld "
    "{loaded} falld doctor`, with each FILE of the service's unit"
)


def broker(config: Config, name: str, route: Route) -> list[Finding]:
    """Name, TCP, TLS and login; what comes after a fault cannot be looked at."""
    found: list[Finding] = []
    steps: list[tuple[str, Callable[[Broker], str | None]]] = [
        ("name", _name), ("TCP", _tcp), ("TLS", _tls),
        ("login", lambda broker: asyncio.run(_login(broker, config.home.id))),
    ]  # fmt: skip
    try:
        met_at = broker_of(route.broker, config.home.id)
    except FalldError as error:
        named = [each for each in (route.broker.password_credential, route.broker.key_credential) if each is not None]
        loaded = " ".join(f"--property=LoadCredential={credential}:FILE" for credential in named)
        given = not named or "CREDENTIALS_DIRECTORY" in os.environ
        remedy = error.remedy if given else AS_SERVICE.format(loaded=loaded)
        secret = "password" if route.broker.with_password else "key"
        return [Finding(f"{name} {secret}", "do", f"{error.where}: {error.what}", remedy)]
    for step, look in steps:
        check = f"{name} {step}"
        failed = next((finding.check for finding in found if finding.verdict != "pass" and finding.remedy), None)
        if failed is not None:
            found.append(Finding(check, "skip", f"only when {failed} is well"))
        else:
            found.append(tried(check, lambda look=look: look(met_at)))  # type: ignore[misc]
    return found


def certificate(config: Config, name: str, route: Route, *, up: bool) -> list[Finding]:
    """Of the home's own one, where it has one.

    Args:
        up: the daemon has a connection with it; else the step TLS tells why it cannot be used.
    """
    check, path = f"{name} certificate", route.broker.cert_file
    if path is None:
        return []
    try:
        own = read_certificate(path)
        if up:
            with contextlib.suppress(SecretError):  # of the service alone, and it has used it
                tls_context(Tls(cert_file=path, key_file=route.broker.own_key))
    except FalldError as error:
        return [ill(check, error) if up else Finding(check, "skip", f"{error.where}: {error.what}")]
    fault = fault_of(own, utc_now(), route.broker.certified_as(config.home.id))
    if fault is not None:
        return [ill(check, fault)]
    return [Finding(check, "pass", f"{path} is for {own.name or 'nobody'}, until {own.until:%Y-%m-%d}")]


def _name(broker: Broker) -> str:
    try:
        found = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise of_connecting(broker.where, error) from None
    return f"{broker.host} is {', '.join(sorted({str(each[4][0]) for each in found}))}"


def _tcp(broker: Broker) -> str:
    try:
        socket.create_connection((broker.host, broker.port), TCP_S).close()
    except OSError as error:
        raise of_connecting(broker.where, error) from None
    return f"{broker.where} answers"


def _tls(broker: Broker) -> str | None:
    if broker.tls is None:
        return None
    context = tls_context(broker.tls)
    try:
        with (
            socket.create_connection((broker.host, broker.port), TCP_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as encrypted,
        ):
            return f"{encrypted.version()}, and the certificate is for {broker.host}"
    except OSError as error:
        raise of_connecting(broker.where, error) from None


async def _login(broker: Broker, home: str) -> str:
    """By a client id of its own, so that the daemon keeps its connection, and without a last will of the home."""
    try:
        version = await _log_in(broker, home, "3.1.1" if broker.protocol == "3.1.1" else "5")
    except Unanswered:
        if broker.protocol != "auto":
            raise
        version = await _log_in(broker, home, "3.1.1")
    shown = broker.tls is not None and broker.tls.cert_file is not None
    name = broker.username or ("its certificate says" if shown else "nobody")
    return f"as {name}, MQTT {version}; the home's topics may be listened to"


async def _log_in(broker: Broker, home: str, version: Literal["5", "3.1.1"]) -> str:
    from falld.alert.topics import Topics
    from falld.publish.connection import Connection, Timing

    topics = Topics(home)
    connection = Connection(
        broker,
        f"falld-doctor-{home}",
        version,
        will=None,
        on_message=lambda topic, payload, retain: None,
        timing=Timing(),
    )
    refused: list[LinkError] = []
    try:
        await connection.open(Timing().answer)
        refused = await connection.subscribe([topics.ack, topics.response, topics.command])
    finally:
        await connection.close(politely=True)
    if refused:
        raise refused[0]
    return version
