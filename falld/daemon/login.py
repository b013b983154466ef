"""The broker of a route, and the login there, as the configuration has them."""

from __future__ import annotations

from falld.config.broker import BrokerConfig
from falld.config.schema import Config
from falld.publish.broker import PORT, TLS_PORT, Broker, Tls


def broker_of(config: BrokerConfig, home: str) -> Broker:
    """Where to connect and as whom: with a password, as the home unless another user is named.

    Raises:
        SecretError: the password, or the key of the own certificate, cannot be had.
    """
    secret = config.secret
    return Broker(
        host=config.host,
        port=config.port or (TLS_PORT if config.tls else PORT),
        tls=Tls(config.ca_file, config.cert_file, config.own_key) if config.tls else None,
        username=config.username or (home if secret is not None else None),
        password=secret.read() if secret is not None else None,
        protocol=config.protocol,
    )


def brokers_of(config: Config) -> list[Broker]:
    """Of each route, as `broker_of`; its passwords as they are now."""
    return [broker_of(route.broker, config.home.id) for route in config.routes]
