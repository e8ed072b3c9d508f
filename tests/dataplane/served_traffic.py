"""Services of all sorts, and packets to them and about them, honest and not."""

from hypothesis import strategies as st
from tests.dataplane import packets
from tests.dataplane.routed_scenes import (
    ALL,
    NETWORKS,
    OTHER,
    OWN,
    REMOTE,
    Scene,
    addresses,
    at,
    gate,
    mac,
)
from tests.dataplane.scenes import rules
from tests.dataplane.served_scenes import (
    CLUSTER,
    CLUSTER6,
    GATES,
    NOBODY,
    VIA,
    VIP,
    VIP6,
    served_scene,
    summed,
)

from polpo.target.rows import AnyRow
from polpo.target.service import Backend, Service

some = st.sampled_from
ADDRESSES = (VIP, VIP6, CLUSTER, CLUSTER6, "10.0.0.8")
PORTS = (80, 53, 8080)
CLIENTS = (1, 1, 1, 2, 3, 4, 6, 7, 8)


@st.composite
def given_services(draw: st.DrawFn) -> list[Service | Backend]:
    rows: dict[tuple[str, str, int], Service] = {}
    for number in range(draw(st.integers(1, 4))):
        row = Service(
            f"s{number}",
            draw(some(ADDRESSES)),
            draw(some(("tcp", "udp"))),
            draw(some(PORTS)),
            via=draw(some((VIA, VIA, ""))),
            by_source=draw(some((False, False, True))),
            sources=draw(some(((), (), ("10.0.0.0/24", "fd00::/64")))),
            sticks_s=draw(some((0, 0, 60))),
            local=draw(some((False, False, True))),
        )
        rows[row.address, row.protocol, row.port] = row
    made = [backend for row in rows.values() for backend in draw(backends(row))]
    return [*rows.values(), *made]


@st.composite
def backends(draw: st.DrawFn, row: Service) -> list[Backend]:
    numbers = draw(st.lists(some(list(NETWORKS)), max_size=5, unique=True))
    return [
        Backend(
            row.id,
            addresses(number)[":" in row.address],
            draw(some((8080, 80))),
            weight=draw(some((1, 1, 5, 0))),
            up=draw(some((True, True, True, False))),
            host=OTHER if number in REMOTE else OWN,
        )
        for number in numbers
    ]


@st.composite
def served_scenes(draw: st.DrawFn) -> Scene:
    sets = st.lists(rules(), max_size=6).map(tuple)
    policies = {1: ALL, 2: draw(sets), 3: draw(sets)}
    numbers = {n: draw(some((1, 1, 1, 1, 2, 3))) for n in range(1, 9)}
    from_rows: list[AnyRow] = list(draw(given_services()))
    fields: dict[str, object] = {"policies": policies, "numbers": numbers}
    router = draw(some((False, False, True)))
    return served_scene(*from_rows, router=router, **fields)


@st.composite
def requests(draw: st.DrawFn) -> tuple[int, bytes]:
    """A port, and what it sends to where a service may be."""
    client = draw(some(CLIENTS))
    net, to = NETWORKS[client], draw(some(ADDRESSES))
    near = [gate(router, there) for router, there in GATES if there == net]
    target = draw(some([NOBODY] * 3 + near * 2 + [mac(8)])), to
    ports = draw(some((4000, 4000, 4001))), draw(some(PORTS))
    body = packets.udp(*ports, b"what?")
    protocol = draw(some((6, 17)))
    if protocol == 6:
        body = packets.tcp(*ports, draw(some((2, 2, 16, 17, 4))))
    hops = draw(some((64, 64, 64, 2, 1)))
    frame = packets.frame(at(client, ":" in to), target, protocol, body, hops=hops)
    return client, draw(some((summed(frame), summed(frame), frame)))
