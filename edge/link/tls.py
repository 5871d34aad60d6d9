"""TLS of a device's lines (MQTT and HTTP): which files, one context made of them, and one clear line for what is wrong.

The context is made anew for every connection, so a renewed certificate is in use at the next one.
"""

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from msgspec import Struct, structs

from edge.link.settings import SettingsError

CA_NAME, IDENTITY_NAME = "ca.crt", "identity.pem"


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """The [broker.tls] table. `identity`: the folder that `zhuomu claim` wrote; it stands for `ca` and `cert`.

    `ca`: PEM with the authorities that are trusted, "" for the system's own. `cert`: our certificate (and key, unless
    `key` names another file). `server_name`: the name in the other side's certificate, "" for the host's.
    """

    identity: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""

    def beside(self, folder: Path) -> "Tls":
        """With relative paths starting at a settings file's folder."""
        named = {name: getattr(self, name) for name in ("identity", "ca", "cert", "key")}
        return structs.replace(
            self, **{k: str((folder / Path(v).expanduser()).resolve()) for k, v in named.items() if v}
        )

    def paths(self) -> tuple[str, str, str]:
        """(ca, cert, key), "" for what is not set."""
        if not self.identity:
            return self.ca, self.cert, self.key
        folder = Path(self.identity)
        return self.ca or str(folder / CA_NAME), self.cert or str(folder / IDENTITY_NAME), self.key


class _NamedContext(ssl.SSLContext):
    """A context that asks for one name whatever the address is, since paho passes the address."""

    server_name = ""

    def wrap_socket(  # type: ignore[override]
        self, sock: socket.socket, server_side: bool = False, **options: Any
    ) -> ssl.SSLSocket:
        """As the library's, with our name."""
        if self.server_name and not server_side:
            options["server_hostname"] = self.server_name
        return super().wrap_socket(sock, server_side, **options)


def client_context(tls: Tls) -> ssl.SSLContext:
    """A client's context: TLS 1.2 or newer, the other side always verified. Raises SettingsError."""
    ca, cert, key = tls.paths()
    made = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.server_name = tls.server_name
    if ca:
        _load(ca, lambda: made.load_verify_locations(ca), "the authority's certificates (PEM)")
    else:
        made.load_default_certs()
    if cert:
        _check_dates(cert)
        _load(cert, lambda: made.load_cert_chain(cert, key or None), "our certificate with its key (PEM)")
    elif key:
        raise SettingsError(f"[tls] key = {key}, but no cert: name the certificate too")
    return made


def why_unreachable(error: BaseException, host: str) -> str:
    """What is wrong with a TLS connection, in one line with its mend."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_verification(error, host)
    if isinstance(error, ssl.SSLError):
        return why_refused(str(error), host)
    return str(error)


def _of_verification(error: ssl.SSLCertVerificationError, host: str) -> str:
    words = error.verify_message
    if "expired" in words:
        return f"{host}: its certificate has expired (or this clock is wrong); renew it there, look at `date` here"
    if "not yet valid" in words:
        return f"{host}: its certificate is not valid yet; this clock is slow, look at `date`"
    if "ostname mismatch" in words or "IP address mismatch" in words:
        return f"{host}: its certificate is for another name ({words}); set server_name, or the right host"
    if "issuer" in words or "self-signed" in words or "self signed" in words:
        return f"{host}: its certificate is from an unknown authority ({words}); set ca to the city's ca.crt"
    return f"{host}: its certificate is refused: {words}"


_ALERTS = {
    "CERTIFICATE_EXPIRED": "our certificate has expired; claim the device anew with a new code",
    "CERTIFICATE_REVOKED": "our certificate is revoked; the centre has shut this device out, ask there",
    "UNKNOWN_CA": "our certificate is from an authority that it does not know; claim the device at this centre",
    "CERTIFICATE_REQUIRED": "it asks for a certificate and we have none; run `zhuomu claim`",
    "HANDSHAKE_FAILURE": "it asks for a certificate and we have none; run `zhuomu claim`",
    "WRONG_VERSION_NUMBER": "no TLS is spoken on that port; look at the port, or leave [tls] out",
    "BAD_CERTIFICATE": "our certificate is refused as bad; claim the device anew",
}


def why_refused(text: str, host: str) -> str:
    """The other side's refusal of us, or a port without TLS, out of OpenSSL's words."""
    for name, words in _ALERTS.items():
        if name in text:
            return f"{host}: {words}"
    return f"{host}: TLS failed: {text}"


def _load(path: str, load: Any, what: str) -> None:
    try:
        load()
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; it should hold {what}, `zhuomu claim` writes it") from None
    except ssl.SSLError as error:
        raise SettingsError(f"{path}: does not hold {what}: {error.reason or error}; claim the device anew") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); mend its permissions") from None


def _check_dates(path: str) -> None:
    """Say here that our own certificate has run out: the other side's refusal says it in fewer words, or in none."""
    try:
        found = x509.load_pem_x509_certificate(Path(path).read_bytes())
    except (OSError, ValueError):
        return  # _load has the words for it
    now = datetime.now(UTC)
    if now > found.not_valid_after_utc:
        until = found.not_valid_after_utc
        raise SettingsError(f"{path}: expired at {until:%Y-%m-%d %H:%M} UTC; claim the device anew with a new code")
    if now < found.not_valid_before_utc:
        since = found.not_valid_before_utc
        raise SettingsError(f"{path}: not valid before {since:%Y-%m-%d %H:%M} UTC; this clock is slow, look at `date`")
