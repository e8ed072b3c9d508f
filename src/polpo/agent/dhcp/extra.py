"""Options that users set for a port (Neutron's extra_dhcp_opts), by name or by number.

The names are dnsmasq's, which Neutron's users know; with them OVN's own. An option may be meant for
clients in iPXE only, or for all others: `tag:ipxe,67`, `tag:!ipxe,67`, as Ironic writes it.
What can't be understood is left out.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from polpo.agent.dhcp import values
from polpo.agent.dhcp.values import Form
from polpo.target.rows import DhcpOption

NEXT_SERVER = 255  # no option: the header's `siaddr` goes by this number

_ADDRESSES, _TEXT, _BYTE = values.addresses4, values.text, values.number(1)
_SHORT, _LONG = values.number(2), values.number(4)

NAMES4: dict[str, tuple[int, Form]] = {
    "netmask": (1, _ADDRESSES),
    "time-offset": (2, _LONG),
    "router": (3, _ADDRESSES),
    "dns-server": (6, _ADDRESSES),
    "log-server": (7, _ADDRESSES),
    "lpr-server": (9, _ADDRESSES),
    "hostname": (12, _TEXT),
    "boot-file-size": (13, _SHORT),
    "domain-name": (15, _TEXT),
    "swap-server": (16, _ADDRESSES),
    "root-path": (17, _TEXT),
    "extension-path": (18, _TEXT),
    "ip-forward-enable": (19, _BYTE),
    "non-local-source-routing": (20, _BYTE),
    "policy-filter": (21, _ADDRESSES),
    "max-datagram-reassembly": (22, _SHORT),
    "default-ttl": (23, _BYTE),
    "mtu": (26, _SHORT),
    "all-subnets-local": (27, _BYTE),
    "broadcast": (28, _ADDRESSES),
    "router-discovery": (31, _BYTE),
    "router-solicitation": (32, _ADDRESSES),
    "static-route": (33, _ADDRESSES),
    "trailer-encapsulation": (34, _BYTE),
    "arp-timeout": (35, _LONG),
    "ethernet-encap": (36, _BYTE),
    "tcp-ttl": (37, _BYTE),
    "tcp-keepalive": (38, _LONG),
    "nis-domain": (40, _TEXT),
    "nis-server": (41, _ADDRESSES),
    "ntp-server": (42, _ADDRESSES),
    "vendor-encap": (43, values.guessed),
    "netbios-ns": (44, _ADDRESSES),
    "netbios-dd": (45, _ADDRESSES),
    "netbios-nodetype": (46, _BYTE),
    "netbios-scope": (47, _TEXT),
    "lease-time": (51, _LONG),
    "T1": (58, _LONG),
    "T2": (59, _LONG),
    "vendor-class": (60, _TEXT),
    "tftp-server": (66, _TEXT),
    "bootfile-name": (67, _TEXT),
    "smtp-server": (69, _ADDRESSES),
    "pop3-server": (70, _ADDRESSES),
    "posix-timezone": (100, _TEXT),
    "tzdb-timezone": (101, _TEXT),
    "domain-search": (119, values.domains),
    "classless-static-route": (121, values.routes),
    "tftp-server-address": (150, _ADDRESSES),
    "path-prefix": (210, _TEXT),
    "ms-classless-static-route": (249, values.routes),
    "wpad": (252, _TEXT),
    "server-ip-address": (NEXT_SERVER, _ADDRESSES),
}
NAMES6: dict[str, tuple[int, Form]] = {
    "sip-server": (22, values.addresses6),
    "dns-server": (23, values.addresses6),
    "domain-search": (24, values.domains),
    "nis-server": (27, values.addresses6),
    "nis-domain": (29, values.domains),
    "sntp-server": (31, values.addresses6),
    "information-refresh-time": (32, _LONG),
    "posix-timezone": (41, _TEXT),
    "tzdb-timezone": (42, _TEXT),
    "ntp-server": (56, values.ntp6),
    "bootfile-url": (59, _TEXT),
}
OURS = {4: {0, 50, 52, 53, 54, 55, 57, 61, 82}, 6: {*range(12), 13, 14, 18, 19, 25, 26}}
"""What only the answer itself can say."""

_TAGGED = re.compile(r"tag:(!?)ipxe6?,(.*)")
_BY_NUMBER = {family: dict(known.values()) for family, known in ((4, NAMES4), (6, NAMES6))}


def extra_options(options: Iterable[DhcpOption], family: int, ipxe: bool) -> dict[int, bytes]:
    """Code -> value; `ipxe`: the client has iPXE. What names the client's kind goes first."""
    plain: dict[int, bytes] = {}
    tagged: dict[int, bytes] = {}
    for option in options:
        tag = _TAGGED.fullmatch(option.name)
        if option.family != family or (tag and (tag[1] == "!") == ipxe):
            continue
        found = _encoded(tag[2] if tag else option.name, option.value, family)
        if found is not None:
            (tagged if tag else plain)[found[0]] = found[1]
    return plain | tagged


def is_understood(option: DhcpOption) -> bool:
    tag = _TAGGED.fullmatch(option.name)
    name = tag[2] if tag else option.name
    return name == "dhcp_disabled" or _encoded(name, option.value, option.family) is not None


@lru_cache(maxsize=1024)
def _encoded(name: str, value: str, family: int) -> tuple[int, bytes] | None:
    """Code and value; None if there is no such option, or this is no value for it."""
    code, form = _named(name, family)
    if code in OURS[family]:
        return None
    try:
        return code, form(value)
    except (ValueError, UnicodeError):
        return None


def _named(name: str, family: int) -> tuple[int, Form]:
    known = NAMES4 if family == 4 else NAMES6
    name = name.removeprefix("option6:").removeprefix("option:")
    if not name.isascii() or not name.isdigit():
        return known.get(name, known.get(name.replace("_", "-"), (0, values.guessed)))
    code = int(name)
    fits = code <= (255 if family == 4 else 65535)
    return (code, _BY_NUMBER[family].get(code, values.guessed)) if fits else (0, values.guessed)
