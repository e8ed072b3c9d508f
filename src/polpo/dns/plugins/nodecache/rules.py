"""nftables rules that keep connection tracking off a node's DNS. Pure.

A query and its answer are two packets: an entry for each asker's port would fill the table, and
races for entries are the five seconds that resolvers lose (kubernetes/kubernetes#56903).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address


def table_name(interface: str) -> str:
    """The name says whose it is: no other program uses it."""
    return f"inet polpo-{interface}"


def rules(interface: str, addresses: Iterable[str], ports: Iterable[int]) -> str:
    """One transaction: the table anew."""
    table = table_name(interface)
    shown = ", ".join(str(port) for port in sorted(set(ports)))
    to: list[str] = []
    back: list[str] = []
    for version, family in ((4, "ip"), (6, "ip6")):
        found = sorted({a for a in addresses if ip_address(a).version == version})
        if found:
            those = f"{{ {', '.join(found)} }}"
            for protocol in ("udp", "tcp"):
                ports_ = f"{{ {shown} }}"
                to.append(f"{family} daddr {those} {protocol} dport {ports_} notrack")
                back.append(f"{family} saddr {those} {protocol} sport {ports_} notrack")
    lines = [f"table {table}", f"delete table {table}", f"table {table} {{"]
    for hook, statements in (("prerouting", to), ("output", to + back)):
        lines.append(f"  chain {hook} {{ type filter hook {hook} priority raw;")
        lines += [f"    {statement}" for statement in statements]
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def removal(interface: str) -> str:
    """One transaction: no table."""
    table = table_name(interface)
    return f"table {table}\ndelete table {table}\n"
