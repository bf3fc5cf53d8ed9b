"""The node's own certificate and the authorities that it trusts, as TLS uses them (RFC 8446, RFC 5922).

OpenSSL reads only files. Its errors are turned into what to do about them."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote

DAY: Final = 86400.0

NAMES: Final = "subjectAltName"
UNTIL: Final = "notAfter"
"""What `ssl` calls them."""

_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which `ssl` has no name."""

PeerCertificate = Mapping[str, object]
"""As `ssl.SSLObject.getpeercert` gives it; empty where the peer has shown none, or none was asked for."""


class CertificateProblem(Exception):
    """A file that cannot be used. One line that says which and why."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files. `authorities` are trusted beside those of the system by whoever we call; who calls must show
    a certificate of `client_authorities`, if there are any."""

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None
    client_authorities: Path | None = None


class Certificates:
    """What connections are secured with from now on; those that are up keep what they began with.

    Raises CertificateProblem for files of its own that cannot be used. `even_expired`: a certificate whose
    time is over can be, as by connections that are up. Without any it serves nobody, and calls whom the
    system trusts."""

    def __init__(self, files: CertificateFiles = CertificateFiles(), *, even_expired: bool = False) -> None:
        self._files = files
        self._calling: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._serving: ssl.SSLContext | None = None
        self.expires: float | None = None
        """When our certificate does, in seconds since 1970."""
        if files.certificate is not None:
            self.read(even_expired=even_expired)

    def read(self, *, even_expired: bool = False) -> None:
        """Read the files again. CertificateProblem leaves everything as it was."""
        serving, expires = None, None
        if self._files.certificate is not None:
            serving, expires = _serving(self._files, even_expired)
        calling = _calling(self._files)
        with self._lock:
            self._serving, self._calling, self.expires = serving, calling, expires

    @property
    def serving(self) -> ssl.SSLContext:
        """For whoever connects to us. CertificateProblem without a certificate."""
        if self._serving is None:
            raise CertificateProblem("there is no certificate to serve with")
        return self._serving

    @property
    def calling(self) -> ssl.SSLContext:
        """For whom we connect to: its chain is checked, its name by `proves`, and where it asks who we are,
        it is shown our certificate."""
        with self._lock:
            if self._calling is None:
                self._calling = _calling(self._files)
            return self._calling

    async def to_call(self) -> ssl.SSLContext:
        """`calling` without keeping the loop: all that the system trusts is read at the first use, for some
        tens of milliseconds. Raises CertificateProblem."""
        known = self._calling
        return await asyncio.to_thread(lambda: self.calling) if known is None else known


def proves(certificate: PeerCertificate, name: str) -> bool:
    """Whether a certificate, whose chain is good, is that of the host or domain `name` (RFC 5922 §7.1).

    A SIP URI in it says so for a whole domain; where it has none, its DNS names count, as does a `*` for the
    first label of one (RFC 9525 §6.3): RFC 5922 §7.2 forbids it, but carriers have such certificates."""
    names = cast(Iterable[tuple[str, str]], certificate.get(NAMES, ()))
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        wanted = name.lower().rstrip(".")
        domains = [domain for kind, uri in names if kind == "URI" and (domain := _domain(uri))]
        if domains:
            return wanted in domains
        return any(kind == "DNS" and _matches(pattern, wanted) for kind, pattern in names)
    return any(kind == "IP Address" and _is_address(text, address) for kind, text in names)


def _domain(uri: str) -> str | None:
    """Of a SIP URI that stands for a domain, and so has no user."""
    scheme, _, rest = uri.partition(":")
    domain = unquote(rest.partition(";")[0]).lower().rstrip(".")
    return domain if scheme.lower() == "sip" and domain and "@" not in domain else None


def _matches(pattern: str, name: str) -> bool:
    pattern = pattern.lower().rstrip(".")
    if not pattern.startswith("*."):
        return pattern == name
    label, dot, rest = name.partition(".")
    return bool(label and dot) and rest == pattern[2:] and "." in rest


def _is_address(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return ipaddress.ip_address(text.strip()) == address
    except ValueError:
        return False


def _serving(files: CertificateFiles, even_expired: bool) -> tuple[ssl.SSLContext, float]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Else a peer could have us begin a handshake as often as it likes on one connection.
    context.options |= ssl.OP_NO_RENEGOTIATION
    _load_own(context, files)
    if files.client_authorities is not None:
        _load_authorities(context, files.client_authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    return context, _checked(files, even_expired)


def _calling(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False  # SIP has rules of its own: `proves`
    context.options |= ssl.OP_NO_RENEGOTIATION
    if files.authorities is not None:
        _load_authorities(context, files.authorities)
    if files.certificate is not None:
        _load_own(context, files)
    return context


def _load_own(context: ssl.SSLContext, files: CertificateFiles) -> None:
    assert files.certificate is not None
    for path in (files.certificate, files.key or files.certificate):
        _read(path)
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password(files))
    except ssl.SSLError as error:
        raise CertificateProblem(_what_is_wrong(error, files)) from None


def _no_password(files: CertificateFiles) -> Callable[[], str]:
    """OpenSSL would ask for it on the terminal."""

    def refuse() -> str:
        key = files.key or files.certificate
        raise CertificateProblem(f"{key} is locked by a password: store it without")

    return refuse


def _what_is_wrong(error: ssl.SSLError, files: CertificateFiles) -> str:
    assert files.certificate is not None
    key = files.key or files.certificate
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} is not that of the certificate in {files.certificate}"
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
        return f"the certificate in {files.certificate} is too weak ({error.reason})"
    # OpenSSL does not say which of the two.
    if b"-----BEGIN CERTIFICATE-----" in _read(files.certificate):
        return f"{key} holds no PEM key"
    return f"{files.certificate} holds no PEM certificate"


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    _read(path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise CertificateProblem(f"{path} holds no PEM certificate") from None


def _read(path: Path) -> bytes:
    """Raises CertificateProblem with what the system says."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateProblem(f"{path} cannot be read ({error.strerror})") from None


def _checked(files: CertificateFiles, even_expired: bool) -> float:
    """Our certificate, by a handshake with ourselves: when it expires. CertificateProblem for one that nobody
    would take today."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_own(serving, files)
    calling = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    calling.check_hostname = False
    # Whoever has signed it: it is asked for what it says of itself.
    calling.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    if even_expired:
        calling.verify_flags |= _NO_CHECK_TIME
    _load_authorities(calling, files.certificate)  # type: ignore[arg-type]
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = serving.wrap_bio(there, back, server_side=True)
    ours = calling.wrap_bio(back, there)
    try:
        for end in (ours, theirs, ours):
            _shake(end)
    except ssl.SSLCertVerificationError as error:
        raise CertificateProblem(
            f"the certificate in {files.certificate} cannot be used: {error.verify_message}"
        ) from None
    except ssl.SSLError as error:
        raise CertificateProblem(
            f"the certificate in {files.certificate} cannot be used ({error.reason})"
        ) from None
    found = ours.getpeercert() or {}
    return float(ssl.cert_time_to_seconds(str(found[UNTIL])))


def _shake(end: ssl.SSLObject) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        end.do_handshake()


def days_left(expires: float, now: float | None = None) -> int:
    return int((expires - (time.time() if now is None else now)) // DAY)
