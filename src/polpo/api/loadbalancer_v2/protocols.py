"""What goes together: protocols of listeners, pools and health monitors; what a provider can do.

As Octavia's `common/constants` has it (VALID_LISTENER_POOL_PROTOCOL_MAP and others).
"""

from polpo.api.loadbalancer_v2.errors import invalid, unsupported
from polpo.model.load_balancer import SWITCHED, HealthMonitor, Listener, LoadBalancer, Pool

_PROXY = ("PROXY", "PROXYV2")
POOLS_OF = {
    "HTTP": ("HTTP", *_PROXY),
    "HTTPS": ("HTTPS", "TCP", *_PROXY),
    "TCP": ("HTTP", "HTTPS", "TCP", *_PROXY),
    "TERMINATED_HTTPS": ("HTTP", *_PROXY),
    "UDP": ("UDP",),
    "PROMETHEUS": (),
}
"""A listener's protocol -> those that its pools may have."""

LISTENERS = tuple(POOLS_OF)
POOLS = ("HTTP", "HTTPS", "PROXY", "PROXYV2", "TCP", "UDP")
L7 = ("HTTP", "TERMINATED_HTTPS")
COOKIES = ("HTTP_COOKIE", "APP_COOKIE")
MONITORS = ("HTTP", "HTTPS", "PING", "TCP", "TLS-HELLO", "UDP-CONNECT")
WHOLE = (None, "", "255.255.255.255", "128")
"""A netmask of one address, as persistence_granularity has it."""
UDP_MONITORS = ("UDP-CONNECT", "HTTP", "TCP", "PING")


def check_pair(listener: Listener, pool: Pool) -> None:
    if pool.protocol not in POOLS_OF[listener.protocol]:
        raise invalid(
            f"The pool protocol '{pool.protocol}' is invalid while the listener protocol is "
            f"'{listener.protocol}'."
        )
    _check_cookies(listener, pool)


def _check_cookies(listener: Listener, pool: Pool) -> None:
    """Who does not read requests sees none."""
    kept = pool.session_persistence
    if kept is not None and kept.type in COOKIES and listener.protocol not in L7:
        raise invalid(
            f"Session persistence of type {kept.type} is not possible for a "
            f"{listener.protocol} listener."
        )


def check_listener(balancer: LoadBalancer, listener: Listener) -> None:
    if balancer.provider == SWITCHED:
        known = listener.protocol in ("TCP", "UDP")
        _check_switch(balancer, f"{listener.protocol} listeners", known)
        _check_switch(balancer, "insert_headers", not listener.insert_headers)
    if listener.is_switched(balancer.provider):
        _check_switch(balancer, "connection_limit", listener.connection_limit < 0)
    if listener.protocol == "TERMINATED_HTTPS":
        _check_terminated(listener)
    elif listener.default_tls_container_ref or listener.sni_container_refs:
        raise invalid(f"TLS containers are of no use to a {listener.protocol} listener.")
    if listener.insert_headers and listener.protocol not in L7:
        raise invalid(f"A {listener.protocol} listener cannot insert headers.")


def _check_terminated(listener: Listener) -> None:
    if not listener.default_tls_container_ref and not listener.sni_container_refs:
        raise invalid("An SNI or default certificate container reference must be provided.")
    if listener.client_authentication != "NONE" and not listener.client_ca_tls_container_ref:
        raise invalid("Client authentication setting requires a client CA certificate reference.")
    if listener.client_crl_container_ref and not listener.client_ca_tls_container_ref:
        raise invalid("A client authentication CA reference is required to specify a CRL.")
    if (listener.hsts_preload or listener.hsts_include_subdomains) and (
        listener.hsts_max_age is None
    ):
        raise invalid(
            "HSTS configuration options hsts_include_subdomains and hsts_preload only "
            "make sense if hsts_max_age is set as well."
        )


def check_pool(balancer: LoadBalancer, pool: Pool) -> None:
    kept = pool.session_persistence
    if balancer.provider == SWITCHED:
        _check_switch(balancer, f"{pool.protocol} pools", pool.protocol in ("TCP", "UDP"))
        by_source = kept is None or kept.type == "SOURCE_IP"
        _check_switch(balancer, "session persistence but by SOURCE_IP", by_source)
        _check_switch(balancer, "tls_enabled", not pool.tls_enabled)
    if balancer.provider == SWITCHED or pool.protocol == "UDP":
        by_hash = pool.lb_algorithm != "LEAST_CONNECTIONS"
        _check_switch(balancer, "LEAST_CONNECTIONS", by_hash)
        whole = kept is None or kept.granularity in WHOLE
        _check_switch(balancer, "persistence_granularity of more than one address", whole)
    if kept is None:
        return
    if pool.protocol == "UDP" and kept.type != "SOURCE_IP":
        raise invalid(
            f"Session persistence of type SOURCE_IP can only be used for pool protocol "
            f"UDP, not {kept.type}."
        )
    if pool.protocol in ("TCP", "HTTPS") and kept.type in COOKIES:
        raise invalid(
            f"Session persistence of type {kept.type} is not possible for a {pool.protocol} pool."
        )
    if kept.type == "APP_COOKIE" and not kept.cookie_name:
        raise invalid("Field cookie_name is required for session persistence of type APP_COOKIE.")
    if kept.type != "APP_COOKIE" and kept.cookie_name:
        raise invalid(
            f"Field cookie_name can not be specified for session persistence of type {kept.type}."
        )
    if pool.protocol != "UDP" and (kept.timeout_s is not None or kept.granularity is not None):
        raise invalid("persistence_timeout and persistence_granularity are only for UDP pools.")


def check_monitor(balancer: LoadBalancer, pool: Pool, monitor: HealthMonitor) -> None:
    udp = pool.protocol == "UDP"
    if udp and monitor.type not in UDP_MONITORS:
        raise invalid(
            f"The associated pool protocol is UDP, so only a {', '.join(UDP_MONITORS)} "
            f"health monitor is supported, not {monitor.type}."
        )
    if not udp and monitor.type == "UDP-CONNECT":
        raise invalid(f"A UDP-CONNECT health monitor is not for a {pool.protocol} pool.")
    if monitor.domain_name and monitor.http_version != "1.1":
        raise invalid("A domain name requires http_version 1.1.")


def check_l7(balancer: LoadBalancer, listener: Listener) -> None:
    _check_switch(balancer, "L7 policies", balancer.provider != SWITCHED)
    if listener.protocol not in L7:
        raise invalid(f"A {listener.protocol} listener does not support L7 policies.")


def _check_switch(balancer: LoadBalancer, what: str, allowed: bool) -> None:
    """What the switch carries, it carries packet by packet, and by hashes (docs/decisions/0170)."""
    if not allowed:
        raise unsupported(balancer.provider, what)
