"""HAProxy's configuration (2.6's Configuration Manual), written from a plan. Pure.

A door, or all doors that share their sites, is a frontend: who it is (PROXY protocol, forwarded
headers), where it goes (maps), and nothing of what single routes want: that is in the backends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from polpo.ingress.plan import Backend, Door, Plan
from polpo.ingress.proxy.certificates import crt_list
from polpo.ingress.proxy.identity import identity
from polpo.ingress.proxy.misdirected import misdirected
from polpo.ingress.proxy.passing import inner, names_of, passing
from polpo.ingress.proxy.routing import routing
from polpo.ingress.proxy.servers import Servers, servers
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.table import Table
from polpo.kernel.haproxy.words import token, word

HERE = Path(__file__).parent
OLD_S = 1800
MOST_OLD = 24
"""For so long a former worker goes on with what it has (WebSockets), and for so many reloads."""
NOTHING = "404 page not found\\n"


def configuration(
    plan: Plan, table: Table, placed: Mapping[str, Servers], settings: Settings
) -> str:
    """The text. `placed`: of each backend by name; ValueError if one can't be written."""
    programs = _programs(table)
    sections: list[Iterable[str]] = [_global(settings, programs), _defaults()]
    if settings.metrics_port:
        sections.append(_metrics(settings))
    for doors in _frontends(plan.doors):
        sections += passing(plan, doors, settings)
        sections.append(_frontend(plan, doors, table, settings))
    sections.append(_nowhere())
    if "mirror" in programs:
        sections.append(_mirrors(settings))
    if any(servers.name for servers in placed.values()):
        sections.append(_resolvers())
    for name, backend in sorted(table.backends.items()):
        sections += [section for feature in backend.policy for section in feature.sections(name)]
        sections.append(_backend(name, backend, placed.get(name, Servers())))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _frontends(doors: tuple[Door, ...]) -> list[list[Door]]:
    """Doors that share their sites are one; those for load balancers know clients otherwise."""
    groups = [
        [door for door in doors if door.shared and not door.forwarded],
        [door for door in doors if door.forwarded],
        *([door] for door in doors if not door.shared),
    ]
    return [group for group in groups if group]


def _programs(table: Table) -> list[str]:
    policies = (backend.policy for backend in table.backends.values())
    return sorted({p for policy in policies for feature in policy for p in feature.programs()})


def _global(settings: Settings, programs: list[str]) -> Iterator[str]:
    yield "global"
    for program in programs:
        yield f"  lua-load-per-thread {word(str(HERE / program))}.lua"
    if settings.user:
        yield f"  user {token(settings.user)}"
        yield f"  group {token(settings.user)}"
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


def _defaults() -> Iterator[str]:
    """Without `log`: a frontend that has one and no format says of each request who asks, and
    that took every ninth instruction, though nobody was to hear it.
    """
    yield "defaults"
    yield "  mode http"
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
    own = first.forwarded or not first.shared
    yield f"frontend {f'door.{first.name}' if own else 'doors'}"
    for door in doors:
        yield f"  bind {_bind(plan, door, settings)}"
    if settings.access_log:
        yield from ("  log global", "  option httplog", "  option dontlognull")
    yield from identity(doors, settings)
    yield from misdirected(doors)
    yield from routing(tag, table, settings)
    fallback = plan.fallback if first.shared else None  # a Gateway's listeners have none
    yield f"  default_backend {fallback.name if fallback else 'nowhere'}"


def _bind(plan: Plan, door: Door, settings: Settings) -> str:
    if names_of(plan, door):
        where = f"{word(inner(door))} accept-proxy {settings.inner}"
    else:
        where = f"{door.address}:{door.port}"
    if not door.tls:
        return where
    names = word(str(crt_list(settings, door)))
    return f"{where} ssl crt-list {names} alpn h2,http/1.1"


def _mirrors(settings: Settings) -> Iterator[str]:
    """Copies of requests come back to us by it, for the backend that they name (mirror.lua)."""
    yield "frontend mirrors"
    yield f"  bind unix@mirrors.sock {settings.inner}"
    yield "  http-request set-var(txn.route) req.hdr(x-polpo-mirror)"
    yield "  http-request del-header x-polpo-mirror"
    yield "  use_backend %[var(txn.route)]"
    yield "  default_backend nowhere"


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
    yield "  log global"  # how its servers are
    if backend.protocol == "tcp":
        yield "  mode tcp"
    elif backend.problem:
        yield "  http-request deny deny_status 503"
        return
    for feature in backend.policy:
        yield from (f"  {line}" for line in feature.lines(name))
    if backend.target is not None:
        yield from (f"  {line}" for line in servers(backend, placed))
