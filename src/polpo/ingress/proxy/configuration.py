"""HAProxy's configuration (2.6's Configuration Manual), written from a plan. Pure.

A door, or all doors that share their sites, is a frontend: who it is (PROXY protocol, forwarded
headers), where it goes (maps), and nothing of what single routes want: that is in the backends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from polpo.ingress.features.external import External
from polpo.ingress.plan import Backend, Condition, Door, Plan
from polpo.ingress.proxy.certificates import crt_list
from polpo.ingress.proxy.identity import identity
from polpo.ingress.proxy.misdirected import misdirected
from polpo.ingress.proxy.passing import inner, names_of, passing
from polpo.ingress.proxy.servers import Servers, servers
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.table import GRAIN, Table
from polpo.kernel.haproxy.words import token, word

EXTERNAL = Path(__file__).with_name("external.lua")
OLD_S = 1800
MOST_OLD = 24
"""For so long a former worker goes on with what it has (WebSockets), and for so many reloads."""
NOTHING = "404 page not found\\n"
DOTS = r"(^|[/\\])\.\.?([/\\]|$)"


def configuration(
    plan: Plan, table: Table, placed: Mapping[str, Servers], settings: Settings
) -> str:
    """The text. `placed`: of each backend by name; ValueError if one can't be written."""
    sections: list[Iterable[str]] = [_global(settings, _asks_others(table)), _defaults(settings)]
    if settings.metrics_port:
        sections.append(_metrics(settings))
    for doors in _frontends(plan.doors):
        sections += passing(plan, doors, settings)
        sections.append(_frontend(plan, doors, table, settings))
    sections.append(_nowhere())
    if any(servers.name for servers in placed.values()):
        sections.append(_resolvers())
    for name, backend in sorted(table.backends.items()):
        sections += [section for feature in backend.policy for section in feature.sections(name)]
        sections.append(_backend(name, backend, placed.get(name, Servers())))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _frontends(doors: tuple[Door, ...]) -> list[list[Door]]:
    """Doors that share their sites are one."""
    shared = [door for door in doors if door.shared]
    return [*([shared] if shared else []), *([door] for door in doors if not door.shared)]


def _asks_others(table: Table) -> bool:
    policies = (backend.policy for backend in table.backends.values())
    return any(isinstance(feature, External) for policy in policies for feature in policy)


def _global(settings: Settings, asks_others: bool) -> Iterator[str]:
    yield "global"
    if asks_others:
        yield f"  lua-load-per-thread {word(str(EXTERNAL))}"
    if settings.user:
        yield f"  user {token(settings.user)}"
    yield "  log stderr len 2048 format raw local0 notice"
    yield f"  stats socket {word(str(settings.socket))} mode 600 level admin expose-fd listeners"
    yield "  stats timeout 1m"
    yield f"  hard-stop-after {OLD_S}s"
    yield f"  mworker-max-reloads {MOST_OLD}"
    yield "  fd-hard-limit 200000"
    if settings.threads:
        yield f"  nbthread {settings.threads}"
    yield "  ssl-default-bind-options ssl-min-ver TLSv1.2"
    yield "  ssl-default-server-options ssl-min-ver TLSv1.2"
    yield "  tune.ssl.default-dh-param 2048"
    yield "  tune.ssl.cachesize 50000"


def _defaults(settings: Settings) -> Iterator[str]:
    yield "defaults"
    yield "  log global"
    yield "  mode http"
    yield "  option dontlognull"
    if settings.access_log:
        yield "  option httplog"
    else:
        yield "  option dontlog-normal"
    yield "  retries 3"
    yield "  option redispatch"
    yield "  option idle-close-on-response"  # while it is reloaded, not under a new request
    yield "  timeout connect 5s"
    yield "  timeout client 60s"
    yield "  timeout server 60s"
    yield "  timeout http-request 60s"
    yield "  timeout http-keep-alive 75s"
    yield "  timeout tunnel 1h"
    yield "  timeout client-fin 30s"


def _metrics(settings: Settings) -> Iterator[str]:
    yield "frontend metrics"
    yield f"  bind {settings.metrics_address}:{settings.metrics_port}"
    yield "  http-request use-service prometheus-exporter if { path /metrics }"
    yield "  http-request return status 200 if { path /healthz }"
    yield "  http-request deny deny_status 404"


def _frontend(plan: Plan, doors: list[Door], table: Table, settings: Settings) -> Iterator[str]:
    first = doors[0]
    tag = "" if first.shared else first.name
    yield f"frontend {'doors' if first.shared else f'door.{first.name}'}"
    for door in doors:
        yield f"  bind {_bind(plan, door, settings)}"
    yield from identity(doors, settings)
    yield from misdirected(doors)
    yield from _routing(tag, table, settings)
    yield "  use_backend %[var(txn.route)] if { var(txn.route) -m found }"
    fallback = plan.fallback if first.shared else None  # a Gateway's listeners have none
    yield f"  default_backend {fallback.name if fallback else 'nowhere'}"


def _bind(plan: Plan, door: Door, settings: Settings) -> str:
    if names_of(plan, door):
        where = f"{word(inner(door))} accept-proxy"
    else:
        where = f"{door.address}:{door.port}"
    if not door.tls:
        return where
    names = word(str(crt_list(settings, door)))
    return f"{where} ssl crt-list {names} alpn h2,http/1.1"


def _routing(tag: str, table: Table, settings: Settings) -> Iterator[str]:
    """Paths are looked up as applications see them: decoded, with slashes merged. What still
    leads elsewhere (`..`) is refused."""
    file = settings.maps
    yield "  http-request set-var(txn.path) path"
    odd = "{ path -m sub % // /. \\\\ }"
    yield f"  http-request set-var(txn.path) path,url_dec,regsub(//+,/,g) if {odd}"
    dots = f"{{ var(txn.path) -m sub /. \\\\ }} {{ var(txn.path) -m reg {word(DOTS)} }}"
    yield f"  http-request deny deny_status 400 if {dots}"
    yield from _site(tag, table, settings)
    whole, found = "var(txn.site),concat(,txn.path)", "unless { var(txn.route) -m found }"
    prefix = f"var(txn.site),concat(,txn.path,/),map_beg({file}/prefix.map)"
    if table.exact:
        yield f"  http-request set-var(txn.route) {whole},map_str({file}/exact.map)"
        prefix += f" {found}"
    yield f"  http-request set-var(txn.route) {prefix}"
    if table.regex:
        regex = f"{whole},map_reg({file}/regex.map)"
        yield f"  http-request set-var(txn.route) {regex} {found} {{ var(txn.site) -m beg ~ }}"
    yield from _groups(table)
    if table.splits:
        yield f"  http-request set-var(txn.roll) rand({GRAIN})"
        share = f"var(txn.route),map_str_int({file}/bases.map),add(txn.roll)"
        share += f",map_int({file}/splits.map)"
        yield f"  http-request set-var(txn.route) {share} if {{ var(txn.route) -m beg w. }}"


def _site(tag: str, table: Table, settings: Settings) -> Iterator[str]:
    """Only what somebody has asked for is looked up: each lookup is some per mille of a request."""
    hosts, found = f"map_str({settings.maps}/hosts.map)", " unless { var(txn.site) -m found }"
    lookups = [f"str('{tag}|'),concat(,txn.name),{hosts}"]
    if any(key.startswith(f"{tag}|*.") for key in table.hosts):
        lookups.append(f"str('{tag}|'),concat(,txn.name),regsub(\\|[^.]+,|*),{hosts}")
    if tag in table.deep:
        lookups.append(f"var(txn.name),map_end({settings.maps}/deep-{tag}.map)")
    if f"{tag}|*" in table.hosts:
        lookups.append(f"str('{tag}|*'),{hosts}")
    for number, lookup in enumerate(lookups):
        yield f"  http-request set-var(txn.site) {lookup}{found if number else ''}"


def _groups(table: Table) -> Iterator[str]:
    for name, choices in sorted(table.groups.items()):
        for conditions, to in choices:
            fits = " ".join(_condition(condition) for condition in conditions)
            here = f"{{ var(txn.route) -m str {name} }}"
            yield f"  http-request set-var(txn.route) str({to}) if {here} {fits}".rstrip()
        yield f"  http-request unset-var(txn.route) if {{ var(txn.route) -m str {name} }}"


def _condition(condition: Condition) -> str:
    how = "-m reg" if condition.how == "regex" else "-m str"
    return f"{{ {_sample(condition)} {how} -- {word(condition.value)} }}"


def _sample(condition: Condition) -> str:
    match condition.kind:
        case "method":
            return "method"
        case "header":
            return f"req.fhdr({token(condition.name)})"
        case "query":
            return f"url_param({token(condition.name)}),url_dec"
        case "cookie":
            return f"req.cook({token(condition.name)})"
        case "path":
            return "var(txn.path)"
    raise ValueError(f"condition {condition.kind!r}")


def _resolvers() -> Iterator[str]:
    """For Services with an external name."""
    yield "resolvers system"
    yield "  parse-resolv-conf"
    yield "  accepted_payload_size 8192"
    yield "  hold valid 5s"


def _nowhere() -> Iterator[str]:
    yield "backend nowhere"
    yield f'  http-request return status 404 content-type text/plain string "{NOTHING}"'


def _backend(name: str, backend: Backend, placed: Servers) -> Iterator[str]:
    yield f"backend {name}"
    if backend.protocol == "tcp":
        yield "  mode tcp"
    elif backend.problem:
        yield "  http-request deny deny_status 503"
        return
    for feature in backend.policy:
        yield from (f"  {line}" for line in feature.lines(name))
    if backend.target is not None:
        yield from (f"  {line}" for line in servers(backend, placed))
