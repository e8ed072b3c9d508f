"""Where a request goes: rules that look its host and its path up in maps (table.py). Pure.

Each of them costs every request something. So only what somebody has asked for is looked up, and
where nobody needs to know what is found on the way it is one expression (decision 225).
"""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.asked import NAME
from polpo.ingress.plan import EVERY_HOST, Condition
from polpo.ingress.proxy.maps import deep_map, hosts_map
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.table import GRAIN, Table
from polpo.kernel.haproxy.words import token, word

DOTS = r"(^|[/\\])\.\.?([/\\]|$)"
UNROUTED = "unless { var(txn.route) -m found }"


def routing(tag: str, table: Table, settings: Settings) -> Iterator[str]:
    """Of the frontend whose sites are those of doors `tag`."""
    yield from _path()
    hosts, every = _hosts(tag, table, settings)
    if not hosts:
        return
    after = [*_groups(table), *_splits(table, settings), *_policies(table)]
    if len(hosts) == 1 and not (table.exact or table.regex or after):
        yield from _at_once(hosts[0], every, settings)
        return
    yield from _site(hosts, every)
    yield from _listed(table, settings)
    yield from after
    yield "  use_backend %[var(txn.route)]"


def _path() -> Iterator[str]:
    """As applications see it: decoded, with slashes merged. What still leads elsewhere (`..`) is
    refused."""
    yield "  http-request set-var(txn.path) path"
    odd = "{ path -m sub % // /. \\\\ }"
    yield f"  http-request set-var(txn.path) path,url_dec,regsub(//+,/,g) if {odd}"
    dots = f"{{ var(txn.path) -m sub /. \\\\ }} {{ var(txn.path) -m reg {word(DOTS)} }}"
    yield f"  http-request deny deny_status 400 if {dots}"


def _hosts(tag: str, table: Table, settings: Settings) -> tuple[list[str], str]:
    """What leads from a name to its site, the most special first; and every host's site. Nothing
    if there is no site.
    """
    hosts, found = table.hosts.get(tag, {}), list[str]()
    listed = f"map_str({settings.maps}/{hosts_map(tag)}.map)"
    if hosts:
        found.append(listed)
    if any(host.startswith("*.") for host in hosts):
        found.append(f"regsub(^[^.]+,*),{listed}")
    if tag in table.deep:
        found.append(f"map_end({settings.maps}/{deep_map(tag)}.map)")
    return found, hosts.get(EVERY_HOST, "")


def _at_once(hosts: str, every: str, settings: Settings) -> Iterator[str]:
    """From a name to its backend; who says no name asks for every host's."""
    prefix = _prefix(settings)
    if every:
        yield f"  use_backend %[str({every}),{prefix}] unless {{ req.hdr(host) -m found }}"
        hosts = f"{hosts[:-1]},{every})"
    yield f"  use_backend %[{NAME},{hosts},{prefix}]"


def _site(hosts: list[str], every: str) -> Iterator[str]:
    ways = [f"{NAME},{lookup}" for lookup in hosts] + ([f"str({every})"] if every else [])
    for number, way in enumerate(ways):
        more = " unless { var(txn.site) -m found }" if number else ""
        yield f"  http-request set-var(txn.site) {way}{more}"


def _prefix(settings: Settings) -> str:
    """Of a site, the longest one that the path begins with."""
    return f"concat(,txn.path,/),map_beg({settings.maps}/prefix.map)"


def _listed(table: Table, settings: Settings) -> Iterator[str]:
    """Exact paths, prefixes, regular expressions."""
    whole, route = "var(txn.site),concat(,txn.path)", f"var(txn.site),{_prefix(settings)}"
    if table.exact:
        exact = f"{whole},map_str({settings.maps}/exact.map)"
        yield f"  http-request set-var(txn.route) {exact}"
    yield f"  http-request set-var(txn.route) {route}{f' {UNROUTED}' if table.exact else ''}"
    if table.regex:
        regex = f"{whole},map_reg({settings.maps}/regex.map)"
        some = "{ var(txn.site) -m beg ~ }"
        yield f"  http-request set-var(txn.route) {regex} {UNROUTED} {some}"


def _splits(table: Table, settings: Settings) -> Iterator[str]:
    if table.splits:
        yield f"  http-request set-var(txn.roll) rand({GRAIN})"
        share = f"var(txn.route),map_str_int({settings.maps}/bases.map),add(txn.roll)"
        share += f",map_int({settings.maps}/splits.map)"
        yield f"  http-request set-var(txn.route) {share} if {{ var(txn.route) -m beg w. }}"


def _policies(table: Table) -> Iterator[str]:
    """What backends' policies want to know before one of them is asked."""
    for name, backend in sorted(table.backends.items()):
        yield from (f"  {line}" for feature in backend.policy for line in feature.routing(name))


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
