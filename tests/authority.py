"""A certificate authority for tests, and what it issues as files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import trustme

from offhook.network.certificates import CertificateFiles, Certificates


class Authority:
    """`file` is its own certificate."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self._name = name
        self._issued = 0
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str, expires: datetime | None = None) -> tuple[Path, Path]:
        """The files of a certificate for hosts or addresses, with its chain, and of its key."""
        self._issued += 1
        certificate = self._folder / f"{self._name}-{self._issued}.pem"
        key = self._folder / f"{self._name}-{self._issued}.key"
        issued = self._ca.issue_cert(*names, not_after=expires)
        certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return certificate, key

    def files(self, *names: str, client_authorities: Path | None = None) -> CertificateFiles:
        """Of a node that has a certificate for `names` and trusts this authority."""
        return CertificateFiles(*self.issue(*names), self.file, client_authorities)

    def certificates(self, *names: str, client_authorities: Path | None = None) -> Certificates:
        return Certificates(self.files(*names, client_authorities=client_authorities))
