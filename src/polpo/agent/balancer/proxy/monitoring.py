"""How HAProxy sees whether members work (chap. 5.2 `check`, 4.2 `http-check`)."""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from polpo.kernel.haproxy.words import fmt, word
from polpo.model.load_balancer import HealthMonitor, Member

_CODES = re.compile(r"[1-5][0-9]{2}(-[1-5][0-9]{2})?(,[1-5][0-9]{2}(-[1-5][0-9]{2})?)*")
_METHOD = re.compile(r"[A-Z]{1,16}")
HTTP = ("HTTP", "HTTPS")
BY_AGENT = ("PING", "UDP-CONNECT")
"""Of these HAProxy is told by the agent (pings.py)."""


def checking(monitor: HealthMonitor) -> Iterator[str]:
    """The backend's lines."""
    yield f"timeout check {monitor.timeout}s"
    if monitor.type in HTTP:
        yield "option httpchk"
        yield f"http-check send {' '.join(_request(monitor))}"
        if not _CODES.fullmatch(monitor.expected_codes):
            raise ValueError(f"health monitor {monitor.id}: codes {monitor.expected_codes!r}")
        yield f"http-check expect status {monitor.expected_codes}"
    elif monitor.type == "TLS-HELLO":
        yield "option ssl-hello-chk"


def _request(monitor: HealthMonitor) -> Iterator[str]:
    if not _METHOD.fullmatch(monitor.http_method):
        raise ValueError(f"health monitor {monitor.id}: method {monitor.http_method!r}")
    version = monitor.http_version or ("1.1" if monitor.domain_name else "1.0")
    if version not in ("1.0", "1.1"):
        raise ValueError(f"health monitor {monitor.id}: HTTP version {version!r}")
    yield f"meth {monitor.http_method} uri {word(monitor.url_path)} ver HTTP/{version}"
    if monitor.domain_name:
        yield f"hdr Host {fmt(monitor.domain_name)}"


def check_words(monitor: HealthMonitor, member: Member) -> Iterator[str]:
    """A server's. What the agent asks is not checked here."""
    if monitor.type not in ("HTTP", "HTTPS", "TCP", "TLS-HELLO"):
        return
    yield f"check inter {monitor.delay}s"
    yield f"fall {monitor.max_retries_down} rise {monitor.max_retries}"
    if monitor.type == "HTTPS":
        yield "check-ssl verify none"
    if member.monitor_address:
        yield f"addr {ip_address(member.monitor_address)}"
    if member.monitor_port:
        yield f"port {member.monitor_port}"
