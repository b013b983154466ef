"""Certificates to test with, made by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Papers:
    """Certificates and keys in PEM files."""

    folder: Path
    openssl: str

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def authority(self, name: str) -> Path:
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.run("req", "-x509", *self._new(name), "-days", "2", "-subj", f"/CN={name}", *usage)
        return self.path(name)

    def signed(self, name: str, by: str, alt: str = "", days: int = 2) -> Path:
        extension = self.folder / f"{name}.ext"
        # Python 3.13 and later take no certificate that does not name its authority's key.
        names = f"subjectAltName={alt}\n" if alt else ""
        extension.write_text(f"authorityKeyIdentifier=keyid\n{names}")
        self.run("req", *self._new(name), "-subj", f"/CN={name}")
        self.run(
            "x509", "-req", "-in", self.path(name), "-CA", self.path(by), "-CAkey", self.path(f"{by}-key"),
            "-CAcreateserial", "-days", f"{days}", "-extfile", extension, "-out", self.path(name),
        )  # fmt: skip
        return self.path(name)

    def _new(self, name: str) -> tuple[str | Path, ...]:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        return *curve, "-keyout", self.path(f"{name}-key"), "-out", self.path(name)

    def run(self, *arguments: str | Path) -> None:
        subprocess.run([self.openssl, *arguments], check=True, capture_output=True, timeout=20)
