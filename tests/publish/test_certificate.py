"""A client's own certificate, as the real openssl reads it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from papers import Papers

from falld.publish.certificate import Certificate, UntoldEnd, fault_of, read_certificate
from falld.publish.faults import LinkError

END = datetime(2027, 3, 1, 12, tzinfo=UTC)
OF_H1 = Certificate(Path("/etc/falld/broker-cert.pem"), "h1", END)


@pytest.fixture
def papers(need: Callable[[str], str], tmp_path: Path) -> Papers:
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    return papers


def test_whose_it_is_and_until_when(papers: Papers) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    read = read_certificate(papers.signed("h1", "ca", days=20))
    assert (read.path, read.name) == (papers.path("h1"), "h1")
    assert before <= read.until - timedelta(days=20) <= datetime.now(UTC)


@pytest.mark.parametrize("name", ["Wohnung Müller, 2. Stock", "a\nnotAfter=Jan  1 00:00:00 2000 GMT"])
def test_no_name_is_taken_for_anything_else(papers: Papers, name: str) -> None:
    files = ("-keyout", papers.path("key"), "-out", papers.path("named"))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    papers.run("req", "-x509", *curve, "-utf8", "-subj", f"/CN={name}", *files)
    read = read_certificate(papers.path("named"))
    assert read.name == name.replace("\n", "\\0A")
    assert read.until.year > 2000


def test_one_without_a_name_is_nobodys(papers: Papers) -> None:
    files = ("-keyout", papers.path("key"), "-out", papers.path("nameless"))
    papers.run(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/O=a", *files
    )
    assert read_certificate(papers.path("nameless")).name == ""


def test_what_is_none_is_told(papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, told in (
        (papers.path("ca-key"), "holds no certificate"),
        (papers.path("none"), "cannot be read (No such"),
    ):
        with pytest.raises(LinkError) as error:
            read_certificate(path)
        assert (error.value.where, told in error.value.what) == (str(path), True)
    monkeypatch.setenv("PATH", str(papers.folder))
    with pytest.raises(UntoldEnd, match="openssl: is not installed"):
        read_certificate(papers.path("ca"))


def test_an_end_that_is_no_time_is_told(papers: Papers) -> None:
    der = ssl.PEM_cert_to_DER_cert(papers.path("ca").read_text())
    _, end = re.findall(rb"\d{12}Z", der)
    papers.path("ca").write_text(ssl.DER_cert_to_PEM_cert(der.replace(end, b"999999999999Z")))
    with pytest.raises(UntoldEnd, match="its end is no time"):
        read_certificate(papers.path("ca"))


@pytest.mark.parametrize(
    ("left", "user", "told"),
    [
        (timedelta(days=30), "h1", None),
        (timedelta(days=30), None, None),
        (timedelta(days=29), "h1", "expires on 2027-03-01"),
        (timedelta(0), "h1", "has expired on 2027-03-01"),
        (timedelta(days=300), "h2", "is for h1, not for h2"),
        (timedelta(days=300), None, None),
    ],
)
def test_what_keeps_it_from_being_of_use(left: timedelta, user: str | None, told: str | None) -> None:
    fault = fault_of(OF_H1, END - left, user)
    assert (None if fault is None else fault.what) == told
    assert fault is None or fault.remedy.startswith("have another one signed")
