"""A broker in the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from falld.config.kinds import Credential, FilePath, Host, Model, UserName, Variable, fault, is_loopback
from falld.config.secret import Secret
from falld.publish.broker import PORT, TLS_PORT, Broker

WITHOUT_ENCRYPTION = "yes, without encryption"


class BrokerConfig(Model):
    """A broker and how to log in to it. No secret is in here, only where it is kept."""

    host: Host
    """Its name or IP address, alone."""
    tls: bool = True
    """Encrypt, and check that the certificate is for `host`; may be false for a broker on this machine."""
    plaintext: Literal["yes, without encryption"] | None = Field(default=None, validate_default=True)
    """The only way to a broker on another machine with `tls: false`: said in words."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """None: 8883 with TLS, 1883 without."""
    ca_file: FilePath | None = None
    """The authority that signed the broker's certificate; None: those of the system."""
    cert_file: FilePath | None = None
    """The home's own certificate in PEM form, for a broker that asks for one; the home's id is the CN in it."""
    key_file: FilePath | None = None
    """Its key, not encrypted; None: it is in `cert_file`."""
    key_credential: Credential | None = None
    """Its key as a systemd credential, instead of `key_file`."""
    username: UserName | None = None
    """None: the home's id where there is a password, else nobody."""
    password_file: FilePath | None = None
    """A file that holds the password alone."""
    password_env: Variable | None = None
    """An environment variable that holds the password."""
    password_credential: Credential | None = Field(default=None, validate_default=True)
    """A name under $CREDENTIALS_DIRECTORY: `LoadCredential=` of the systemd unit."""
    protocol: Annotated[
        Literal["auto", "5", "3.1.1"], BeforeValidator(lambda v: "5" if type(v) is int and v == 5 else v)
    ] = "auto"
    """Version of MQTT; `auto` tries 5 first."""

    @field_validator("plaintext")
    @classmethod
    def _encrypted(cls, plaintext: str | None, info: ValidationInfo) -> str | None:
        host, tls = info.data.get("host"), info.data.get("tls")
        if tls is True and plaintext is not None:
            raise fault("expected no `plaintext` beside `tls: true`, found one", "take one of the two out")
        if tls is False and plaintext is None and host is not None and not is_loopback(host):
            raise fault(
                f"expected TLS to a broker on another machine, found `tls: false` for {host}",
                f'use `tls: true`, or add `plaintext: "{WITHOUT_ENCRYPTION}"`',
            )
        return plaintext

    @field_validator("ca_file", "cert_file")
    @classmethod
    def _of_tls(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None and info.data.get("tls") is False:
            raise fault(f"expected no `{info.field_name}` beside `tls: false`, found one", "use `tls: true`")
        return file

    @field_validator("key_file", "key_credential")
    @classmethod
    def _key_of_a_certificate(cls, key: Path | str | None, info: ValidationInfo) -> Path | str | None:
        if key is not None and "cert_file" in info.data and info.data["cert_file"] is None:
            raise fault(f"expected `cert_file` beside `{info.field_name}`, found none", "name the key's certificate")
        if info.field_name == "key_credential" and key is not None and info.data.get("key_file") is not None:
            raise fault("expected one of `key_file` and `key_credential`, found both", "keep the one that is meant")
        return key

    @field_validator("password_credential")
    @classmethod
    def _one_password(cls, credential: str | None, info: ValidationInfo) -> str | None:
        given = [key for key in ("password_file", "password_env") if info.data.get(key) is not None]
        if len(given) + (credential is not None) > 1:
            raise fault(
                "expected at most one of `password_file`, `password_env`, `password_credential`, found more",
                "keep the one that is meant",
            )
        return credential

    @property
    def where(self) -> str:
        """How errors name it, and alerts the route over it."""
        return Broker(self.host, self.port or (TLS_PORT if self.tls else PORT)).where

    @property
    def own_key(self) -> Path | None:
        """The file with the key of `cert_file`; None: it is in there.

        Raises:
            SecretError: it is a credential, and systemd gave the service none.
        """
        return self.key_file if self.key_credential is None else Secret.in_credential(self.key_credential).path

    def certified_as(self, home: str) -> str | None:
        """The CN that the certificate must have; None: user name or password say who speaks."""
        return home if self.username is None and not self.with_password else None

    @property
    def with_password(self) -> bool:
        """Whether there is one, wherever it is kept."""
        return (self.password_file, self.password_env, self.password_credential) != (None, None, None)

    @property
    def secret(self) -> Secret | None:
        """Where the password is kept; None: there is none."""
        if self.password_file is not None:
            return Secret.in_file(self.password_file)
        if self.password_env is not None:
            return Secret.in_environment(self.password_env)
        if self.password_credential is not None:
            return Secret.in_credential(self.password_credential)
        return None
