"""A listener's frontend."""

from collections.abc import Iterator

from polpo.agent.balancer.proxy.matching import condition, conditions
from polpo.agent.balancer.proxy.settings import Settings
from polpo.agent.balancer.proxy.tls import bind_words
from polpo.agent.balancer.proxy.tree import HTTP, Tree, backend_name
from polpo.kernel.haproxy.words import fmt, name, word
from polpo.model.load_balancer import L7Policy, Listener

WILDCARD = {4: "0.0.0.0", 6: "[::]"}
CLIENT = {
    "X-SSL-Client-Verify": "%[ssl_c_verify]",
    "X-SSL-Client-Has-Cert": "%[ssl_c_used]",
    "X-SSL-Client-DN": "%{+Q}[ssl_c_s_dn]",
    "X-SSL-Client-CN": "%{+Q}[ssl_c_s_dn(cn)]",
    "X-SSL-Issuer": "%{+Q}[ssl_c_i_dn]",
    "X-SSL-Client-SHA1": "%{+Q}[ssl_c_sha1,hex]",
    "X-SSL-Client-Not-Before": "%{+Q}[ssl_c_notbefore]",
    "X-SSL-Client-Not-After": "%{+Q}[ssl_c_notafter]",
}
"""What `insert_headers` may tell members of a client's certificate."""


HTTP_LOG = "%trg %ci:%cp %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %U/%B %ts %HM %HP %HV"
TCP_LOG = "%T %ci:%cp %ft %b/%s %Tw/%Tc/%Tt %U/%B %ts"
"""What HAProxy says when a request, a connection has ended (chap. 8.2.4)."""


def frontend(tree: Tree, listener: Listener, settings: Settings) -> Iterator[str]:
    yield f"frontend {name(listener.id)}"
    yield f"  mode {'http' if listener.protocol in HTTP else 'tcp'}"
    yield from _binds(tree, listener, settings)
    if listener.connection_limit > 0:
        yield f"  maxconn {min(listener.connection_limit, settings.maxconn)}"
    yield f"  timeout client {listener.timeout_client_data}ms"
    if tree.row.balancer.access_log:
        yield from _access_log(listener)
    if listener.protocol == "PROMETHEUS":
        yield "  http-request use-service prometheus-exporter if { path /metrics }"
        yield "  http-request deny deny_status 404"
        return
    if listener.timeout_tcp_inspect:
        yield f"  tcp-request inspect-delay {listener.timeout_tcp_inspect}ms"
    if listener.protocol in HTTP:
        yield "  option idle-close-on-response"  # while it is reloaded, not under a new request
        yield from _headers(listener)
    policies = tree.policies(listener)
    policies = sorted(policies, key=lambda policy: policy.action == "REDIRECT_TO_POOL")
    for number, policy in enumerate(policies):
        yield from (f"  {line}" for line in conditions(number, tree.rules(policy)))
        yield from _policy(tree, listener, policy, condition(number, tree.rules(policy)))
    pool = tree.pool(listener.default_pool_id)
    if pool is not None:
        yield f"  default_backend {backend_name(pool, listener)}"


def _access_log(listener: Listener) -> Iterator[str]:
    """Nothing that only the client and the member should know: no query, no cookie, no header."""
    yield "  log stdout len 2048 format raw local0 info"
    yield "  option dontlognull"
    yield f"  log-format {word(HTTP_LOG if listener.protocol in HTTP else TCP_LOG)}"


def _binds(tree: Tree, listener: Listener, settings: Settings) -> Iterator[str]:
    ends_tls = listener.protocol == "TERMINATED_HTTPS"
    more = tuple(bind_words(listener, settings)) if ends_tls else ()
    for version in sorted(tree.versions):
        only = ("v6only",) if version == 6 else ()
        words = (f"{WILDCARD[version]}:{listener.protocol_port}", *only, *more)
        yield f"  bind {' '.join(words)}"


def _headers(listener: Listener) -> Iterator[str]:
    wanted = {key.lower() for key, value in listener.insert_headers.items() if value == "true"}
    ends_tls = listener.protocol == "TERMINATED_HTTPS"
    if "x-forwarded-for" in wanted:
        yield "  option forwardfor"
    if "x-forwarded-port" in wanted:
        yield "  http-request set-header X-Forwarded-Port %[dst_port]"
    if "x-forwarded-proto" in wanted:
        yield f"  http-request set-header X-Forwarded-Proto {'https' if ends_tls else 'http'}"
    for header, value in CLIENT.items() if ends_tls else ():
        if header.lower() in wanted:
            yield f"  http-request set-header {header} {value}"
    if ends_tls and listener.hsts_max_age is not None:
        yield f"  http-response set-header Strict-Transport-Security {fmt(_hsts(listener))}"


def _hsts(listener: Listener) -> str:
    """RFC 6797."""
    more = "; includeSubDomains" if listener.hsts_include_subdomains else ""
    return f"max-age={listener.hsts_max_age}{more}{'; preload' if listener.hsts_preload else ''}"


def _policy(tree: Tree, listener: Listener, policy: L7Policy, when: str) -> Iterator[str]:
    """What is refused or redirected is so before any pool is chosen, as Octavia has it."""
    if policy.action == "REJECT":
        yield f"  http-request deny if {when}"
    elif policy.action == "REDIRECT_TO_POOL":
        pool = tree.pool(policy.redirect_pool_id)
        if pool is not None:
            yield f"  use_backend {backend_name(pool, listener)} if {when}"
    elif policy.action in ("REDIRECT_TO_URL", "REDIRECT_PREFIX"):
        to_url = policy.action == "REDIRECT_TO_URL"
        where = fmt(policy.redirect_url if to_url else policy.redirect_prefix)
        how = "location" if to_url else "prefix"
        yield f"  http-request redirect code {policy.redirect_http_code} {how} {where} if {when}"
    else:
        raise ValueError(f"L7 policy {policy.id}: action {policy.action!r}")
