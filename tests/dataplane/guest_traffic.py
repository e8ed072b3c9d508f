"""Services for guests of all sorts, and what guests, pods and the host itself send to them."""

from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dataplane import packets
from tests.dataplane.guest_scenes import (
    CLIENT6,
    DOOR,
    NODE_PORT,
    OUTER,
    OWN6,
    SHOWN,
    SHOWN6,
    guest_scene,
    placed,
)
from tests.dataplane.rig import UPLINK
from tests.dataplane.routed_scenes import ALL, OTHER, OWN, Scene, addresses, at, gate, mac
from tests.dataplane.scenes import rules
from tests.dataplane.served_scenes import CLUSTER, CLUSTER6, summed

from polpo.target.rows import AnyRow
from polpo.target.service import Backend, Face, Node, Service

some = st.sampled_from
MORE6, OTHER6 = "2001:db8:2::101", "2001:db8:2::102"
LOOPBACK = "127.0.0.1"
WHERE = (
    OWN,
    OWN,
    OWN6,
    OTHER,
    SHOWN,
    SHOWN6,
    CLUSTER,
    "192.0.2.77",
    MORE6,
    OTHER6,
    "192.0.2.101",
    LOOPBACK,
)
PORTS = (NODE_PORT, NODE_PORT, 80, 81)


@st.composite
def offers(draw: st.DrawFn) -> list[AnyRow]:
    found: list[AnyRow] = []
    for number in range(draw(st.integers(1, 2))):
        six = draw(st.booleans())
        name, shown = f"s{number}", SHOWN6 if six else SHOWN
        faces = (
            Face("", NODE_PORT + number, draw(st.booleans())),
            Face(shown, 80 + number, draw(st.booleans())),
        )
        row = Service(
            name,
            CLUSTER6 if six else CLUSTER,
            draw(some(("tcp", "tcp", "udp"))),
            80 + number,
            sticks_s=draw(some((0, 0, 60))),
            local=draw(some((False, False, True))),
            sources=draw(some(((), (), ("198.51.100.0/28",), ("2001:db8::/64",)))),
            faces=faces,
            guests=draw(some(("cluster", "cluster", "local", ""))),
        )
        numbers = draw(st.lists(some((1, 2, 3, 6, 21, 22, 23)), max_size=4, unique=True))
        found += [row, *(draw(altered(b)) for b in placed(name, *numbers, six=six))]
    return found + draw(nodes()) + draw(loopback())


@st.composite
def loopback(draw: st.DrawFn) -> list[AnyRow]:
    """Perhaps a pod's host port there, and perhaps another host's."""
    at, host = (LOOPBACK, draw(some(("tcp", "udp"))), NODE_PORT), draw(some((OWN, OTHER)))
    row = Service("loopback", *at, faces=(Face(LOOPBACK, NODE_PORT),), guests="local")
    backend = Backend("loopback", addresses(draw(some((1, 2, 21))))[0], 8080, host=host)
    return [row, backend] if draw(st.booleans()) else []


@st.composite
def nodes(draw: st.DrawFn) -> list[AnyRow]:
    """Hosts as the cluster knows them, perhaps with addresses besides that of their tunnel."""
    zones = some(("", "a", "b"))
    own = Node("k8s", "h1", OWN, draw(zones), draw(some(((), (MORE6,), ("192.0.2.101",)))))
    other = Node("k8s", "h2", OTHER, draw(zones), draw(some(((), (OTHER6,)))))
    return [row for row in (own, other) if draw(st.booleans())]


@st.composite
def altered(draw: st.DrawFn, row: Backend) -> Backend:
    return replace(
        row,
        up=draw(some((True, True, False))),
        spare=draw(some((False, False, True))),
        weight=draw(some((1, 1, 3, 0))),
        zones=draw(some(((), ("a",), ("a",), ("b",)))),
        nodes=draw(some(((), (), (OWN,), (OTHER,)))),
    )


@st.composite
def guest_scenes(draw: st.DrawFn) -> Scene:
    sets = st.lists(rules(), max_size=6).map(tuple)
    policies = {1: ALL, 2: draw(sets)}
    numbers = {n: draw(some((1, 1, 1, 2))) for n in range(1, 9)}
    return guest_scene(*draw(offers()), policies=policies, numbers=numbers)


@st.composite
def visits(draw: st.DrawFn) -> tuple[str, bytes]:
    """Who sends it: outside, the host by its own devices ("own") or by its port, or a pod."""
    to, who = draw(some(WHERE)), draw(some(("outside", "outside", "outside", "own", "door", "pod")))
    six = ":" in to
    client = draw(some(("198.51.100.9", "198.51.100.99"))) if not six else CLIENT6
    ends = {
        "outside": ((OUTER, client), (UPLINK, to)),
        "own": ((OUTER, OWN6 if six else OWN), (UPLINK, to)),
        "door": ((mac(DOOR), draw(some((client, at(DOOR, six)[1])))), (gate(100, 0), to)),
        "pod": (at(1, six), (gate(100, 0), to)),
    }[who]
    ports = draw(some((5000, 5000, 40000))), draw(some(PORTS))
    data = bytes(draw(some((0, 0, 0, 1300, 1490))))
    protocol = draw(some((6, 6, 17)))
    flags = draw(some((2, 2, 16, 17, 4)))
    body = packets.tcp(*ports, flags) + data if protocol == 6 else packets.udp(*ports, data)
    hops = draw(some((64, 64, 64, 1)))
    return who, summed(packets.frame(*ends, protocol, body, hops=hops))
