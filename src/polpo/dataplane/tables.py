"""The switch's tables: what switch.bpf.c declares, for Python. A test compares the two by BTF.

Keys and values are packed bytes. Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d; ports, ICMP's
type and code: two, in network order; other numbers are in the host's. Times: ns of CLOCK_MONOTONIC.
"""

import enum
import ipaddress
import struct
from typing import Any

import msgspec


class Drop(enum.IntEnum):
    """Why a packet was dropped: index in the table `drops`, `enum reason` in C."""

    UNKNOWN_PORT = 1  # the interface has no row in `ports`
    ADMIN_DOWN = 2  # the sending port is down
    DESTINATION_DOWN = 3  # the receiving port is down or gone
    MALFORMED = 4
    ETHERTYPE = 5  # secured ports speak IPv4, IPv6 and ARP, untagged
    SPOOFED_MAC = 6
    SPOOFED_ADDRESS = 7
    SPOOFED_NEIGHBOUR = 8  # ARP or a neighbour advertisement for somebody else's address
    DHCP_SERVER = 9
    ROUTER_ADVERTISEMENT = 10  # or a redirect
    LATE_FRAGMENT = 11  # its first fragment was not seen
    EGRESS_POLICY = 12
    INGRESS_POLICY = 13
    FILTERED_COPY = 14  # of a broadcast or multicast: this port does not let it in
    UNKNOWN_DESTINATION = 15  # no port of the network has this MAC
    HAIRPIN = 16  # the destination is the sending port
    UNKNOWN_VTEP = 17  # tunnelled by somebody who is not a host of the cloud
    UNKNOWN_VNI = 18  # tunnelled for a network that this host does not carry
    NO_TUNNEL = 19  # to or from the overlay without a tunnel
    ASKED_TOO_OFTEN = 20  # DHCP and router solicitations: more than the agent is to be asked
    UNHEARD = 21  # asked, but the agent has not taken what was asked before, or serves nothing
    NO_ROUTE = 22  # the router has no route, or the destination is one that is never routed
    TIME_EXCEEDED = 23  # TTL or hop limit, at a router
    TOO_BIG = 24  # for the link that the router sends it to
    FOR_ROUTER = 25  # for a router itself, which only answers pings
    REVERSE_PATH = 26  # the router would not send to the source into the network it came from
    UNREACHABLE = 27  # where the next hop is is not known, or there are too many routers
    OVER_LIMIT = 28  # more than the port's QoS policy lets it send, or receive
    NO_BACKEND = 29  # the service has none that takes connections
    NOT_ADMITTED = 30  # the service is for other sources
    PORT_TAKEN = 31  # the sender speaks to this backend of a service already, from this port
    NO_LOCAL_BACKEND = 32  # the service is for backends on this host only, and has them elsewhere


class PortFlag(enum.IntFlag):
    """`ports`, flags."""

    PORT_SECURITY = 1
    ADMIN_UP = 2
    VETH = 4  # the workload's end is a veth in another namespace
    ASKS_DHCPV4 = 8  # DHCP of this port is for the agent
    ASKS_DHCPV6 = 16
    ASKS_ROUTER = 32  # and so are router solicitations
    LIMITED_INGRESS = 64  # there is a row in `limits`
    LIMITED_EGRESS = 128
    MARKED = 256  # what the port sends gets its DSCP
    ASKS_METADATA = 512  # the metadata service knows the port
    DOOR = 1024  # the host's own port, by which guests come: there is a row in `doors`


class Allowed(enum.IntEnum):
    """`allowed`, value: what the port may say it is."""

    FIXED = 1
    PAIR = 2
    MAC_ONLY = 3  # the unspecified addresses: the MAC is the port's, no address is claimed


class Side(enum.IntFlag):
    """Direction, from the port's own view, and family of a policy's rules."""

    INGRESS = 0
    EGRESS = 1
    IPV6 = 2


class Serving(enum.IntFlag):
    """`services`, flags."""

    BY_SOURCE = 1  # one client, one backend
    RESTRICTED = 2  # to the sources in `prefixes`
    KEEPS_GUEST = 4  # backends see the guest's own address
    LOCAL_ONLY = 8  # without a backend on this host packets are dropped, not refused
    COUNTED = 16  # in `carried`


class Offering(enum.IntFlag):
    """`host`, services: what kinds there are."""

    SERVES = 1
    NODE_PORTS = 2  # at a port of every host's address
    FOR_GUESTS = 4  # for who comes by the host's own devices
    MORE_ADDRESSES = 8  # hosts have others than that of their tunnel


class Working(enum.IntEnum):
    """`members`, value."""

    WORKS = 1
    IS_DOWN = 2


class State(enum.IntFlag):
    """`flows`, state."""

    REPLIED = 1
    FIN_SENT = 2
    FIN_REPLIED = 4
    RESET = 8
    REVOKED = 16  # a policy took back what it had allowed


class Layout:
    """A C struct (or scalar), with its fields in order; a format that ends in x is padding."""

    def __init__(self, name: str, /, **fields: str) -> None:
        self.name = name
        self.fields = fields
        self.struct = struct.Struct("=" + "".join(fields.values()))
        self.size = self.struct.size
        self.pack = self.struct.pack

    def unpack(self, packed: bytes) -> dict[str, Any]:
        """Field name -> value, without the padding."""
        names = [name for name, form in self.fields.items() if not form.endswith("x")]
        return dict(zip(names, self.struct.unpack(packed), strict=True))


class Table(msgspec.Struct, frozen=True):
    """One BPF map. `ours`: its rows are target state; else the switch itself writes it."""

    name: str
    kind: str
    key: Layout
    value: Layout
    ours: bool = True


HOPS = 8
"""Next hops that a route has at most."""

IPV6_ROUTE = 1 << 31
"""`routes`, router: added to the number for prefixes of IPv6, so that ::/0 is not for IPv4."""

PAGE, PAGES = 16, 256
"""Backends in one entry of `backends`, and such entries of a service, at most."""

BY_ROUTER = 1 << 31
"""`services`, scope: added to a router's number, which is no network's."""

GUESTS = 1 << 30
"""`services`, scope: of who is at no port, but comes by the host's own devices."""

SOURCES = 4
"""`prefixes`, side: with the id of a service in the place of a policy, who may use it."""

U32 = Layout("__u32", value="I")
U64 = Layout("__u64", value="Q")
ADDRESS = Layout("address", byte="16s")
HOST = Layout("host", vxlan="I", metadata="I", services="I", tunnel="2s", pad="2x")
PORT = Layout("port", vni="I", mac="6s", flags="H", dscp="B", pad="3x", policy="Q")
LIMIT_KEY = Layout("limit_key", ifindex="I", side="I")
LIMIT = Layout("limit", kbps="Q", burst="Q")
BUCKET = Layout("bucket", lock="I", pad="4x", used="q")
MAC_KEY = Layout("mac_key", vni="I", mac="6s", pad="2x")
WHERE = Layout("where", ifindex="I", router="I", groups="Q", vtep="16s")
ADDRESS_KEY = Layout("address_key", vni="I", pad="4x", address="16s")
NEIGHBOUR = Layout("neighbour", mac="6s", router="H", groups="Q")
ROUTE_KEY = Layout("route_key", prefixlen="I", router="I", address="16s")
HOP = Layout("hop", vni="I", mtu="I", mac="6s", pad="2x", address="16s")
ROUTE = Layout("route", own="I", count="H", total="H", hop=f"{HOPS * HOP.size}s")
INTERFACE_KEY = Layout("interface_key", router="I", vni="I", family="I")
INTERFACE = Layout("interface", mac="6s", pad="2x", domain="I", pad2="4x", address="16s")
ALLOWED_KEY = Layout("allowed_key", prefixlen="I", ifindex="I", mac="6s", family="H", address="16s")
PREFIX_KEY = Layout("prefix_key", prefixlen="I", side="I", policy="Q", address="16s")
PEER_KEY = Layout("peer_key", policy="Q", groups="Q", side="I", pad="4x")
CLASS_KEY = Layout(
    "class_key",
    **{"prefixlen": "I", "pad": "4x", "class": "Q", "protocol": "B", "pad2": "x"},
    port="2s",
    pad3="4x",
)
VERDICT = Layout("verdict", admin="I", rest="I")
FLOOD_KEY = Layout("flood_key", vni="I", index="I")
_PASSED = ("packets_in", "bytes_in", "packets_out", "bytes_out")
COUNTER = Layout("counter", **dict.fromkeys((*_PASSED, "dropped", "denied_in", "denied_out"), "Q"))
FLOW_KEY = Layout(
    "flow_key",
    vni="I",
    protocol="B",
    pad="3x",
    low="16s",
    high="16s",
    low_port="2s",
    high_port="2s",
    pad2="4x",
)
TURN = Layout(
    "turn",
    address="16s",
    port="2s",
    client_port="2s",
    client_high="B",
    pad="3x",
    service="Q",
    guest="16s",
    device="I",
    guest_mac="6s",
    own_mac="6s",
)
FLOW = Layout(
    "flow",
    seen="Q",
    state="B",
    from_high="B",
    icmp="2s",
    turned="I",
    egress="16s",
    ingress="16s",
    low="24s",
    high="24s",
    turn=f"{TURN.size}s",
)
SERVICE_KEY = Layout("service_key", scope="I", protocol="B", pad="x", port="2s", address="16s")
SERVICE = Layout(
    "service",
    id="Q",
    pages="I",
    flags="I",
    sticks="I",
    via="6s",
    pad="2x",
    door="I",
    sources="Q",
)
DOOR = Layout(
    "door",
    vni="I",
    mtu="I",
    mac="6s",
    gateway="6s",
    pad="4x",
    address="16s",
    address6="16s",
)
CARRIED = Layout("carried", flows="Q", packets_in="Q", bytes_in="Q", packets_out="Q", bytes_out="Q")
PAGE_KEY = Layout("page_key", service="Q", page="I", pad="4x")
BACKEND = Layout("backend", address="16s", hash="I", inverse="I", port="2s", pad="6x")
BACKENDS = Layout("page", count="I", pad="4x", backend=f"{PAGE * BACKEND.size}s")
MEMBER_KEY = Layout("member_key", service="Q", address="16s", port="2s", pad="6x")
STICKY_KEY = Layout("sticky_key", service="Q", client="16s")
STICKY = Layout("sticky", seen="Q", address="16s", port="2s", pad="6x")
CHOSEN_KEY = Layout(
    "chosen_key",
    vni="I",
    protocol="B",
    pad="3x",
    client="16s",
    service="16s",
    client_port="2s",
    service_port="2s",
    pad2="4x",
)
CHOSEN = Layout(
    "chosen",
    seen="Q",
    checked="Q",
    address="16s",
    port="2s",
    source_port="2s",
    direct="B",
    pad="3x",
)
CALLER_KEY = Layout("caller_key", ifindex="I", port="2s", family="H")
CALLER = Layout("caller", address="16s", mac="6s", spoken_to="6s", pad="4x")
ALLOWANCE = Layout("allowance", second="Q", asked="I", pad="4x")
FRAGMENT_KEY = Layout(
    "fragment_key",
    vni="I",
    id="4s",
    source="16s",
    destination="16s",
    protocol="B",
    pad="7x",
)
TRANSPORT = Layout(
    "transport",
    source_port="2s",
    destination_port="2s",
    icmp="2s",
    protocol="B",
    kind="B",
    echo="B",
    exempt="B",
    pad="2x",
)

TABLES = {
    table.name: table
    for table in (
        # in the order of writing: sets before their users; removal goes in reverse
        Table("host", "array", U32, HOST),
        Table("classes", "lpm_trie", CLASS_KEY, VERDICT),
        Table("prefixes", "lpm_trie", PREFIX_KEY, U64),
        Table("peers", "hash", PEER_KEY, U64),
        Table("vteps", "hash", ADDRESS, U32),
        Table("networks", "hash", U32, U32),
        Table("interfaces", "hash", INTERFACE_KEY, INTERFACE),
        Table("routes", "lpm_trie", ROUTE_KEY, ROUTE),
        Table("neighbours", "hash", ADDRESS_KEY, NEIGHBOUR),
        Table("allowed", "lpm_trie", ALLOWED_KEY, U32),
        Table("limits", "hash", LIMIT_KEY, LIMIT),
        Table("ports", "hash", U32, PORT),
        Table("fdb", "hash", MAC_KEY, WHERE),
        Table("flood", "hash", FLOOD_KEY, WHERE),
        Table("members", "hash", MEMBER_KEY, U32),
        Table("backends", "hash", PAGE_KEY, BACKENDS),
        Table("doors", "hash", U32, DOOR),
        Table("services", "hash", SERVICE_KEY, SERVICE),
        Table("moved", "lru_hash", ADDRESS_KEY, NEIGHBOUR, ours=False),
        Table("moved_fdb", "lru_hash", MAC_KEY, WHERE, ours=False),
        Table("flows", "lru_hash", FLOW_KEY, FLOW, ours=False),
        Table("chosen", "lru_hash", CHOSEN_KEY, CHOSEN, ours=False),
        Table("stickies", "lru_hash", STICKY_KEY, STICKY, ours=False),
        Table("fragments", "lru_hash", FRAGMENT_KEY, TRANSPORT, ours=False),
        Table("allowances", "lru_hash", U32, ALLOWANCE, ours=False),
        Table("callers", "lru_hash", CALLER_KEY, CALLER, ours=False),
        Table("said", "percpu_array", U32, ALLOWANCE, ours=False),
        Table("buckets", "hash", LIMIT_KEY, BUCKET, ours=False),
        Table("carried", "lru_percpu_hash", U64, CARRIED, ours=False),
        Table("counters", "percpu_hash", U32, COUNTER, ours=False),
        Table("drops", "percpu_array", U32, U64, ours=False),
    )
}
ORDER = tuple(name for name, table in TABLES.items() if table.ours)
"""The order in which rows are put; rows are removed in reverse."""

REMOTE, MEMBERS = 0x10000, 0x20000
"""`flood`: local ports are numbered from 0, other hosts from REMOTE, those of a domain (the key has
its number then), which are told of addresses that move, from MEMBERS."""

ROUTED = bytes.fromhex("02706f")
"""Between hosts a routed packet comes from this and the number of its router, three bytes."""

_MAPPED = bytes(10) + b"\xff\xff"
ANY4 = _MAPPED + bytes(4)
ANY6 = bytes(16)


def pack_address(text: str) -> bytes:
    """16 bytes, IPv4 mapped. Raises ValueError."""
    if ":" in text:
        return ipaddress.IPv6Address(text).packed
    octets = bytes(map(int, text.split(".")))  # a tenth of what IPv4Address takes
    if len(octets) != 4:
        raise ValueError(f"not an address: {text}")
    return _MAPPED + octets


def unpack_address(packed: bytes) -> str:
    """Canonical text."""
    if packed.startswith(_MAPPED):
        return str(ipaddress.IPv4Address(packed[12:]))
    return str(ipaddress.IPv6Address(packed))


def pack_prefix(text: str) -> tuple[bytes, int]:
    """Address and prefix length of 128 bits of `10.0.0.0/8`, `fd00::/8` or a sole address."""
    address, _, length = text.partition("/")
    offset = 0 if ":" in address else 96
    return pack_address(address), int(length) + offset if length else 128


def pack_mac(text: str) -> bytes:
    """Raises ValueError."""
    mac = bytes.fromhex(text.replace(":", ""))
    if len(mac) != 6:
        raise ValueError(f"not a MAC address: {text}")
    return mac


def unpack_mac(packed: bytes) -> str:
    return packed.hex(":")


def pack_port(number: int) -> bytes:
    """Network order."""
    return number.to_bytes(2, "big")
