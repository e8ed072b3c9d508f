"""The metadata service as the switch knows it: its addresses, and what it calls the ports. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from polpo.dataplane.policies import Entry
from polpo.dataplane.tables import ADDRESS_KEY, NEIGHBOUR, ROUTED, pack_address

ADDRESSES = ("169.254.169.254", "fe80::a9fe:a9fe")
PORT = 80
MAC = "02:70:6f:fe:a9:fe"
"""Of its end of the pair of devices that leads to it."""
CALLERS = ("240.0.0.0/4", "fd70:6f6c:706f::/96")
"""To the service a port's address is the first one of these, and its ifindex."""
PACKED = frozenset(map(pack_address, ADDRESSES))
_BEFORE = b"\xfd\x70\x6f\x6c\x70\x6f" + bytes(6)


def voice(vni: int) -> bytes:
    """The MAC of what the network itself has to say."""
    return ROUTED + vni.to_bytes(3, "big")


def neighbour_entries(vni: int) -> Iterator[Entry]:
    """Every network that the host carries has the service's addresses."""
    value = NEIGHBOUR.pack(voice(vni), 0, 0)
    for address in ADDRESSES:
        yield "neighbours", ADDRESS_KEY.pack(vni, pack_address(address)), value


def caller(ifindex: int, six: bool) -> bytes:
    """What the port at this interface is called, packed as an address of its family."""
    if six:
        return _BEFORE + ifindex.to_bytes(4, "big")
    return (0xF0000000 | ifindex).to_bytes(4, "big")


def ifindex_of(address: str) -> int | None:
    """The interface of the port that is called so. Raises ValueError for what is no address."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        number = int(found) & 0xFFFFFFFF
        return number if found.packed == caller(number, True) else None
    four = found.ipv4_mapped if isinstance(found, IPv6Address) else found
    assert isinstance(four, IPv4Address)
    return int(four) & 0x0FFFFFFF if int(four) >> 28 == 15 else None
