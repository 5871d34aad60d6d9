"""The broker: can it be reached, does it take our name and password, how long do certificates hold?"""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.doctor.findings import Finding, Patient, bad, fine

CONNECT_S = 5.0
EXPIRY_DAYS = 30.0
DAY_S = 86400.0


def look(patient: Patient) -> Iterator[Finding]:
    """A running kiosk's own connection is its proof: another one with its name could push it out (a broker may tie
    names to client ids), so then no more than the port and the certificate are looked at."""
    broker = patient.settings.broker
    where = f"{broker.host}:{broker.port}"
    try:
        with socket.create_connection((broker.host, broker.port), CONNECT_S):
            pass
    except OSError as error:
        yield _unreachable(where, error)
        return
    tls = getattr(broker, "tls", None)
    context = None
    if tls is not None:
        ca, cert, key = tls.paths()
        context = client_context(ca, cert, key)
        yield from certificates(broker.host, broker.port, context, tls.server_name or broker.host, cert)
    if patient.running and patient.status is not None and patient.status.connected:
        yield fine("broker.ok", where, "the kiosk is connected", "岗亭已连接")
        return
    yield _greeted(patient, where, context)


def client_context(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """A context that checks the other side. Raises OSError for files that cannot be read."""
    context = ssl.create_default_context(cafile=ca or None)
    if cert:
        context.load_cert_chain(cert, key or None)
    return context


def certificates(host: str, port: int, context: ssl.SSLContext, name: str, own: str = "") -> Iterator[Finding]:
    """How long the broker's certificate holds, and our own where we have one."""
    where = f"{host}:{port}"
    try:
        with (
            socket.create_connection((host, port), CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            told = secure.getpeercert() or {}
        yield _expiry("broker.certificate", where, ssl.cert_time_to_seconds(str(told["notAfter"])))
    except (ssl.SSLError, OSError) as error:
        words = str(getattr(error, "verify_message", "")) or str(getattr(error, "reason", "")) or str(error)
        yield bad(
            "error",
            "broker.tls",
            where,
            (f"no TLS with the broker: {words}", f"与消息服务器的 TLS 握手失败：{words}"),
            ("check ca, server_name and the clock of this machine", "检查 ca、server_name 与本机时钟"),
        )
    if own:
        ends = x509.load_pem_x509_certificate(Path(own).read_bytes()).not_valid_after_utc
        yield _expiry("broker.own_certificate", own, ends.timestamp())


def _expiry(code: str, where: str, ends_s: float) -> Finding:
    days = (ends_s - time.time()) / DAY_S
    day = datetime.fromtimestamp(ends_s, UTC).date()
    if days > EXPIRY_DAYS:
        return fine(code, where, f"the certificate holds until {day}", f"证书有效至 {day}")
    what = (f"the certificate ends on {day}, in {days:.0f} days", f"证书将于 {day} 到期（{days:.0f} 天）")
    return bad("warning" if days > 0 else "error", code, where, what, ("renew it now", "请立即更换证书"))


def _unreachable(where: str, error: OSError) -> Finding:
    reason = error.strerror or str(error)
    return bad(
        "error",
        "broker.unreachable",
        where,
        (f"the broker cannot be reached: {reason}", f"无法连接消息服务器：{reason}"),
        (
            "check host and port in [broker], the cable or SIM card, and whether the broker runs",
            "检查 [broker] 的地址端口、网线或流量卡，以及消息服务器是否运行",
        ),
    )


def _greeted(patient: Patient, where: str, context: ssl.SSLContext | None) -> Finding:
    """One CONNECT under a name of the doctor's own, and goodbye."""
    said: list[Any] = []
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"{patient.settings.device}-doctor",
        protocol=MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )
    broker = patient.settings.broker
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if context is not None:
        client.tls_set_context(context)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: said.append(reason)
    try:
        client.connect(broker.host, broker.port, 20)
        deadline = time.monotonic() + CONNECT_S
        while not said and time.monotonic() < deadline and client.loop(0.2) == 0:
            continue
        client.disconnect()
        client.loop(0.2)
    except (OSError, ValueError) as error:
        return _unreachable(where, error if isinstance(error, OSError) else OSError(str(error)))
    if said and not said[0].is_failure:
        return fine("broker.ok", where, "the broker takes this kiosk's name and password", "消息服务器接受本岗亭的账号")
    reason = str(said[0]) if said else "no answer"
    return bad(
        "error",
        "broker.refused",
        where,
        (f"the broker refuses this kiosk: {reason}", f"消息服务器拒绝本岗亭：{reason}"),
        ("check username and password in [broker], and the broker's own log", "检查 [broker] 的账号密码及服务器日志"),
    )
