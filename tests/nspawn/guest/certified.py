"""The installer where the broker asks for certificates: the files of deploy/mosquitto, and an authority that signs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import trials
import yaml
from installs import CONFIG, SET, at_hub, call_for, install, package, start_hub, version
from trials import PACKAGE, journal, main, run, show, until

KEY, CERTIFICATE, REQUEST = (Path("/etc/falld", name) for name in ("broker-key.pem", "broker-cert.pem", "broker.csr"))
DEPLOYED = Path("/srv/hub/usr/share/doc/falld/examples/mosquitto")
AUTHORITY = Path("/root/authority")
BROKER = ("--host", "127.0.0.1", "--port", "8884", "--ca-file", str(AUTHORITY / "ca.pem"))
WORN = ("--wearable", "Polar Sense 0A1B2C3D", "--placement", "upper_arm")
ANSWERS = """\
host = "127.0.0.1"
port = 8884
ca-file = "ca.pem"
cert-file = "h7.pem"
key-file = "h7.key"
wearable = "Polar Sense 0A1B2C3D"
placement = "upper_arm"
"""
HUB = (
    "FALLD_HUB=--name hub1 --broker mqtts://127.0.0.1:8884 --ca-file /etc/falld/ca.pem "
    "--cert-file /etc/falld/hub1.pem --key-file /run/credentials/falld-hub.service/hub-key\n"
)
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def of_authority(name: str, what: str = "pem") -> str:
    return str(AUTHORITY / f"{name}.{what}")


def sign(request: str, name: str, *more: str, days: int = 825) -> None:
    authority = ("-CA", of_authority("ca"), "-CAkey", of_authority("ca", "key"), "-CAcreateserial")
    run("openssl", "x509", "-req", "-in", request, *authority, "-days", f"{days}", *more, "-out", of_authority(name))


def make(name: str, *more: str) -> None:
    """A key and its certificate, as an operator makes them."""
    request = ("-keyout", of_authority(name, "key"), "-out", of_authority(name, "csr"))
    run("openssl", "req", "-new", *CURVE, "-subj", f"/CN={name}", *request)
    sign(of_authority(name, "csr"), name, *more)


def a_broker_lets_in_who_has_a_certificate() -> None:
    AUTHORITY.mkdir(mode=0o700)
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-days", "3650", "-subj", "/CN=authority")
    files = ("-keyout", of_authority("ca", "key"), "-out", of_authority("ca"))
    run("openssl", "req", "-x509", *CURVE, *usage, *files)
    extension = AUTHORITY / "broker.ext"
    extension.write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    make("broker", "-extfile", str(extension))
    make("hub1")
    run("dpkg-deb", "--extract", PACKAGE, "/srv/hub")
    to = Path("/etc/mosquitto")
    for source, target in (
        (DEPLOYED / "mosquitto.conf", to / "mosquitto.conf"),
        (DEPLOYED / "falld.acl", to / "falld.acl"),
        (Path("/dev/null"), to / "falld.passwords"),
        (AUTHORITY / "broker.pem", to / "certs/broker.pem"),
        (AUTHORITY / "broker.key", to / "certs/broker-key.pem"),
        (AUTHORITY / "ca.pem", to / "certs/clients-ca.pem"),
    ):
        run("install", "-m", "640", "-g", "mosquitto", str(source), str(target))
    run("systemctl", "start", "mosquitto")
    start_certified_hub()


def start_certified_hub() -> None:
    certificate = ("--cert-file", of_authority("hub1"), "--key-file", of_authority("hub1", "key"))
    start_hub("--broker", "mqtts://127.0.0.1:8884", "--ca-file", of_authority("ca"), *certificate)


def a_certificate_that_is_given() -> None:
    """As at a first boot, in the answers. Whose home it is, it says itself."""
    make("h7")
    answers = AUTHORITY / "answers.toml"
    answers.write_text(ANSWERS)
    said = install(PACKAGE, "--answers", str(answers), "--remove-answers", expected=0)
    assert "ok  test alarm" in said
    assert not any(path.exists() for path in (answers, AUTHORITY / "h7.pem", AUTHORITY / "h7.key"))
    assert (AUTHORITY / "ca.pem").exists()
    assert {alert["home"] for alert in at_hub().values()} == {"h7"}
    assert (KEY.stat().st_mode & 0o777, KEY.owner(), CERTIFICATE.stat().st_mode & 0o777) == (0o600, "root", 0o644)
    key = KEY.read_text().splitlines()[1]
    assert key not in said + journal("falld") + CONFIG.read_text() + CERTIFICATE.read_text()
    assert "password" not in CONFIG.read_text()
    before = [path.stat().st_ino for path in (*SET, KEY, CERTIFICATE) if path.exists()], show("falld", "MainPID")
    again = ("--cert-file", str(CERTIFICATE), "--key-file", str(KEY))
    assert "nothing was changed" in install(PACKAGE, *again, expected=0)
    after = [path.stat().st_ino for path in (*SET, KEY, CERTIFICATE) if path.exists()], show("falld", "MainPID")
    assert after == before


def a_hub_as_a_service_has_one_too() -> None:
    """Its key is root's alone: systemd hands it over."""
    run("systemctl", "stop", "elsewhere")
    run("install", "-m", "600", of_authority("hub1", "key"), "/etc/falld/hub-key.pem")
    for name in ("hub1", "ca"):
        run("install", "-m", "644", of_authority(name), f"/etc/falld/{name}.pem")
    Path("/etc/falld/hub.env").write_text(HUB)
    run("systemctl", "start", "falld-hub")
    until(lambda: show("falld-hub", "ActiveState") == "active")
    alert_id = call_for("w1")
    until(lambda: trials.at_hub(alert_id))
    run("systemctl", "stop", "falld-hub")
    for name in ("hub-key.pem", "hub1.pem", "ca.pem", "hub.env"):
        Path("/etc/falld", name).unlink()
    start_certified_hub()


def an_upgrade_and_a_removal_keep_it_and_a_purge_does_not() -> None:
    kept, was = (KEY.read_text(), CERTIFICATE.read_text()), version()
    with package("+1") as newer:
        assert "ok  before" in install(newer, expected=0)
    assert version() == f"{was}+1"
    run("dpkg", "--remove", "falld")
    assert (KEY.read_text(), CERTIFICATE.read_text()) == kept
    run("dpkg", "--purge", "falld")
    assert not Path("/etc/falld").exists()


def a_key_that_is_made_here_and_never_leaves() -> None:
    said = install(PACKAGE, *BROKER, *WORN, "--make-key", expected=1)
    assert f"{REQUEST} is to be signed" in said
    assert (show("falld", "ActiveState"), show("falld", "UnitFileState")) == ("active", "enabled")
    assert (KEY.stat().st_mode & 0o777, KEY.owner()) == (0o600, "root")
    home, key = yaml.safe_load(CONFIG.read_text())["home"]["id"], KEY.read_text()
    assert re.fullmatch(r"[a-z][a-z0-9]{11}", home)
    assert key.splitlines()[1] not in said
    assert f"{REQUEST} is to be signed" in install(PACKAGE, "--make-key", expected=1)
    shutil.copy(REQUEST, of_authority("of-home", "csr"))  # this is all that leaves
    sign(of_authority("of-home", "csr"), "of-home")
    said = install(PACKAGE, "--cert-file", of_authority("of-home"), expected=0)
    assert "ok  test alarm" in said
    assert home in {alert["home"] for alert in at_hub().values()}
    assert KEY.read_text() == key
    assert not REQUEST.exists()
    assert "nothing was changed" in install(PACKAGE, expected=0)


def one_that_ends_soon_is_told_and_renewed() -> None:
    key = KEY.read_text()
    sign(of_authority("of-home", "csr"), "of-home", days=20)
    assert "!!  broker certificate" in install(PACKAGE, "--cert-file", of_authority("of-home"), expected=0)
    until(lambda: f"{CERTIFICATE}: expires on" in show("falld", "StatusText"))
    assert f"{REQUEST} is to be signed" in install(PACKAGE, "--make-key", expected=0)
    sign(str(REQUEST), "of-home")
    install(PACKAGE, "--cert-file", of_authority("of-home"), expected=0)
    until(lambda: "no fault" in show("falld", "StatusText"))
    assert KEY.read_text() == key


def a_key_that_is_gone_keeps_nobody_from_starting() -> None:
    KEY.unlink()
    run("systemctl", "restart", "falld")
    assert show("falld", "ActiveState") == "active"
    until(lambda: "holds no private key" in show("falld", "StatusText"))


def a_home_with_a_password_keeps_it_until_its_certificate_is_there() -> None:
    run("dpkg", "--purge", "falld")
    passwords, secret = Path("/etc/mosquitto/falld.passwords"), AUTHORITY / "h5.password"
    run("mosquitto_passwd", "-b", str(passwords), "h5", "secret of h5")
    run("chgrp", "mosquitto", str(passwords))
    passwords.chmod(0o640)
    run("systemctl", "kill", "--signal=HUP", "mosquitto")
    secret.write_text("secret of h5\n")
    by_password = ("--host", "127.0.0.1", "--ca-file", of_authority("ca"), "--password-file", str(secret))
    install(PACKAGE, "--home", "h5", *by_password, *WORN, expected=0)
    pid = show("falld", "MainPID")
    assert f"?   certificate    {REQUEST} is to be signed" in install(PACKAGE, "--make-key", expected=0)
    assert show("falld", "MainPID") == pid
    sign(str(REQUEST), "h5")
    said = install(PACKAGE, "--cert-file", of_authority("h5"), expected=2)
    cert_file, key_credential = re.findall(r"`(\w+: \S+)`", said)
    lines = "\n      ".join(("port: 8884", cert_file, key_credential))
    CONFIG.write_text(CONFIG.read_text().replace('password_credential: "broker"', lines))
    assert "ok  test alarm" in install(PACKAGE, "--cert-file", of_authority("h5"), expected=0)
    assert not REQUEST.exists()


TRIALS = (
    a_broker_lets_in_who_has_a_certificate,
    a_certificate_that_is_given,
    a_hub_as_a_service_has_one_too,
    an_upgrade_and_a_removal_keep_it_and_a_purge_does_not,
    a_key_that_is_made_here_and_never_leaves,
    one_that_ends_soon_is_told_and_renewed,
    a_key_that_is_gone_keeps_nobody_from_starting,
    a_home_with_a_password_keeps_it_until_its_certificate_is_there,
)


if __name__ == "__main__":
    os.chdir("/root")
    main(TRIALS)
