"""A host with a door: its own port 8 in network 0, and services of router 100 for guests."""

from msgspec.structs import replace
from tests.dataplane import packets
from tests.dataplane.rig import UPLINK
from tests.dataplane.routed_scenes import OTHER, OWN, REMOTE, Scene, addresses
from tests.dataplane.served_scenes import CLUSTER, CLUSTER6, served_scene, summed

from polpo.target.rows import AnyRow, Host, Port
from polpo.target.service import Backend, Face, Node, Service

DOOR = 8
CLIENT, CLIENT6 = "198.51.100.9", "2001:db8::9"
OUTER = "02:00:00:00:99:99"
"""The MAC address of the router outside."""
SHOWN, SHOWN6 = "203.0.113.7", "2001:db8:1::7"
"""Addresses of a service, outside."""
OWN6 = "2001:db8:2::1"
NODE_PORT = 30080


def guest_scene(*rows: AnyRow, **fields: object) -> Scene:
    """Hosts have addresses of both families here, as if they were two each."""
    known = any(isinstance(row, Node) for row in rows)
    nodes = () if known else (Node("k8s", "h1", OWN, addresses=(OWN6,)),)
    slices, plugs = served_scene(*rows, *nodes, router=True, **fields)
    for name, given in slices.items():
        slices[name] = [
            replace(row, host_of="k8s") if isinstance(row, Port) and row.id == f"p{DOOR}" else row
            for row in given
        ]
    slices["hosts"].append(Host("h1-six", OWN6))
    return slices, plugs


def offered(
    name: str = "web", guests: str = "cluster", six: bool = False, **fields: object
) -> AnyRow:
    """At a node port, and at an address outside, port 80, for its sources only."""
    faces = (Face("", NODE_PORT), Face(SHOWN6 if six else SHOWN, 80, limited=True))
    given = {"protocol": "tcp", "port": 80, "faces": faces, "guests": guests, **fields}
    return Service(name, CLUSTER6 if six else CLUSTER, **given)  # type: ignore[arg-type]


def placed(name: str, *numbers: int, six: bool = False, port: int = 8080) -> list[Backend]:
    """Backends whose hosts are known."""
    return [
        Backend(name, addresses(n)[six], port, host=OTHER if n in REMOTE else OWN) for n in numbers
    ]


def visit(
    to: str = OWN,
    port: int = NODE_PORT,
    source_port: int = 5000,
    flags: int = 2,
    client: str = "",
    payload: bytes = b"",
    hops: int = 64,
) -> bytes:
    """A guest's packet, as it comes to the host's device."""
    ends = (OUTER, client or (CLIENT6 if ":" in to else CLIENT)), (UPLINK, to)
    body = packets.tcp(source_port, port, flags) + payload
    return summed(packets.frame(*ends, 6, body, hops=hops))
