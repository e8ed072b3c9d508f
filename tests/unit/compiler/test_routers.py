"""Rows of routers, and of what hosts carry because of them, looked at by hand."""

import msgspec

from polpo.compiler.slices import all_slices, carried
from polpo.compiler.view import View
from polpo.model.host import Host
from polpo.model.network import HostRoute, Network, Subnet
from polpo.model.object import Object
from polpo.model.port import FixedIP, Port
from polpo.model.router import DISTRIBUTED_INTERFACE, INTERFACE, Router
from polpo.model.snapshot import Snapshot
from polpo.target import rows

HOSTS = [Host(id=f"H{n}", name=f"h{n}", address=f"192.0.2.{n}", token_hash=f"t{n}") for n in (1, 2)]
NETWORKS = [
    Network(id="A", vni=7, mtu=1450),
    Network(id="B", vni=8, mtu=1400),
    Network(id="C", vni=4, mtu=1450),
    Network(id="OUT", vni=6, mtu=1350, external=True, network_type="flat", physical_network="p"),
]
SUBNETS = [
    Subnet(id="A4", network_id="A", ip_version=4, cidr="10.0.0.0/24", gateway_ip="10.0.0.1"),
    Subnet(id="A6", network_id="A", ip_version=6, cidr="fd00::/64", gateway_ip="fd00::1"),
    Subnet(id="B4", network_id="B", ip_version=4, cidr="10.1.0.0/16", gateway_ip="10.1.0.1"),
    Subnet(id="C4", network_id="C", ip_version=4, cidr="10.2.0.0/24", gateway_ip="10.2.0.1"),
    Subnet(id="O4", network_id="OUT", ip_version=4, cidr="203.0.113.0/24"),
]
OUT6 = Subnet(id="O6", network_id="OUT", ip_version=6, cidr="2001:db8::/64")
Hops = tuple[tuple[int, str], ...]
ROUTER = Router(id="R", vni=9)
FAR = Router(id="F", vni=5)


def interface(id: str, network: str, router: str, *addresses: str) -> Port:
    fixed = (text.split(" ") for text in addresses)
    return Port(
        id=id,
        network_id=network,
        mac_address=f"02:00:00:00:01:{id[-1]}0",
        fixed_ips=tuple(FixedIP(*pair) for pair in fixed),
        device_id=router,
        device_owner=INTERFACE,
    )


def bound(id: str, network: str, host: str) -> Port:
    return Port(id=id, network_id=network, mac_address=f"02:00:00:00:00:{id[-1]}0", host=host)


INTERFACES = [
    interface("i1", "A", "R", "A6 fd00::1", "A4 10.0.0.1"),
    interface("i2", "B", "R", "B4 10.1.0.1"),
]
CLOUD: list[Object] = [*HOSTS, *NETWORKS, *SUBNETS, *INTERFACES, bound("p1", "A", "h1")]


def snapshot(router: Router = ROUTER, *more: Object) -> Snapshot:
    return Snapshot.of([*CLOUD, router, *more], 9)


def compiled(router: Router = ROUTER, *more: Object) -> rows.Slices:
    return all_slices(snapshot(router, *more))


def changed(**fields: object) -> Router:
    return msgspec.structs.replace(ROUTER, **fields)


def routes(
    *given: tuple[str, str], gateway: bool = False, more: tuple[Object, ...] = ()
) -> dict[str, tuple[Hops, Hops]]:
    """What the rows say for these extra routes: prefix -> (via, backups)."""
    router = changed(routes=tuple(HostRoute(*route) for route in given))
    if gateway:
        router = msgspec.structs.replace(router, gateway_port_id="G", external_network_id="OUT")
    found = compiled(router, *more)["router/9"].values()
    return {row.prefix: (row.via, row.backups) for row in found if isinstance(row, rows.Route)}


def test_a_router_between_two_networks() -> None:
    slices = compiled()
    assert slices["router/9"] == {
        "interface/i1": rows.Interface(
            "i1", 7, "02:00:00:00:01:10", 1450, ("10.0.0.1/24", "fd00::1/64")
        ),
        "interface/i2": rows.Interface("i2", 8, "02:00:00:00:01:20", 1400, ("10.1.0.1/16",)),
        "member/192.0.2.1": rows.Member("192.0.2.1"),
        "router/9": rows.Router(9, "R", domain=9),
    }


def test_a_host_with_a_port_of_the_domain_carries_all_of_it() -> None:
    slices = compiled()
    carrying = [row for row in slices["host/h1"].values() if not isinstance(row, rows.Port)]
    assert carrying == [rows.Network(7, 1450, 9), rows.Network(8, 1400, 9), rows.Routing(9)]
    assert "host/h2" not in slices
    view = View(snapshot())
    assert carried(view, "h1") == {"hosts", "network/7", "network/8", "router/9"}
    assert carried(view, "h2") == {"hosts"}


def test_routers_that_share_a_network_are_one_domain() -> None:
    more = (FAR, interface("i3", "B", "F", "B4 10.1.0.2"), interface("i4", "C", "F", "C4 10.2.0.1"))
    slices = compiled(ROUTER, *more, bound("p2", "C", "h2"))
    for host in ("host/h1", "host/h2"):
        networks = [row for row in slices[host].values() if isinstance(row, rows.Network)]
        assert {row.vni: row.domain for row in networks} == {4: 5, 7: 5, 8: 5}
        assert {"routing/5", "routing/9"} <= slices[host].keys()
    assert slices["router/9"]["router/9"] == rows.Router(9, "R", domain=5)
    members = {"member/192.0.2.1", "member/192.0.2.2"}
    assert members <= slices["router/5"].keys()
    assert not members & slices["router/9"].keys()


def test_a_router_that_is_off_joins_nothing() -> None:
    slices = compiled(changed(admin_state_up=False))
    assert "router/9" not in slices
    assert [row for row in slices["host/h1"].values() if not isinstance(row, rows.Port)] == [
        rows.Network(7, 1450)
    ]


def test_interfaces_of_no_router_join_nothing() -> None:
    stray = msgspec.structs.replace(INTERFACES[0], id="i5", network_id="C", device_id="gone")
    assert compiled(ROUTER, stray, bound("p2", "C", "h1"))["host/h1"]["network/4"] == rows.Network(
        4, 1450
    )


def test_an_interface_that_is_off_is_not_there() -> None:
    off = msgspec.structs.replace(INTERFACES[1], admin_state_up=False)
    assert "interface/i2" not in compiled(ROUTER, off)["router/9"]
    dark = msgspec.structs.replace(NETWORKS[1], admin_state_up=False)
    assert "interface/i2" not in compiled(ROUTER, dark)["router/9"]


def test_neutrons_distributed_interfaces_are_interfaces() -> None:
    port = msgspec.structs.replace(INTERFACES[1], device_owner=DISTRIBUTED_INTERFACE)
    assert "interface/i2" in compiled(ROUTER, port)["router/9"]


def test_next_hops_for_one_destination_share_its_traffic() -> None:
    assert routes(("10.9.0.0/16", "10.1.0.5"), ("10.9.0.0/16", "10.0.0.5")) == {
        "10.9.0.0/16": (((7, "10.0.0.5"), (8, "10.1.0.5")), ())
    }
    many = routes(*((("10.9.0.0/16", f"10.0.0.{n}")) for n in range(10, 20)))
    assert len(many["10.9.0.0/16"][0]) == 8


def test_a_next_hop_on_no_link_of_the_router_is_left_out() -> None:
    assert routes(("10.9.0.0/16", "10.77.0.1")) == {}
    assert routes(("10.9.0.0/16", "203.0.113.1")) == {}  # the outside, but no gateway
    assert routes(("fd99::/64", "fd00::5"), ("fd99::/64", "fd77::5")) == {
        "fd99::/64": (((7, "fd00::5"),), ())
    }


OUT = (((9, "169.254.0.2"),), ((9, "169.254.0.3"), (9, "169.254.0.4")))
OUT_6 = (((9, "fe80::2"),), ((9, "fe80::3"), (9, "fe80::4")))


def test_a_gateway_is_reached_by_a_transit_network() -> None:
    gateway = changed(gateway_port_id="G", external_network_id="OUT")
    slices = compiled(gateway)
    assert slices["router/9"]["interface/transit"] == rows.Interface(
        "transit", 9, "02:70:6f:00:00:09", 1350, ("169.254.0.1/24", "fe80::1/64")
    )
    assert slices["host/h1"]["network/9"] == rows.Network(9, 1350, 9)
    assert "network/9" in carried(View(snapshot(gateway)), "h1")


def test_default_routes_are_of_the_families_outside() -> None:
    assert routes(gateway=True) == {"0.0.0.0/0": OUT}
    assert routes(gateway=True, more=(OUT6,)) == {"0.0.0.0/0": OUT, "::/0": OUT_6}


def test_a_next_hop_outside_is_reached_by_the_gateway() -> None:
    found = routes(
        ("198.51.100.0/24", "203.0.113.9"),
        ("fd99::/64", "2001:db8::9"),
        gateway=True,
        more=(OUT6,),
    )
    assert found == {
        "0.0.0.0/0": OUT,
        "198.51.100.0/24": OUT,
        "::/0": OUT_6,
        "fd99::/64": OUT_6,
    }


def test_ones_own_default_route_goes_before_the_gateways() -> None:
    assert routes(("0.0.0.0/0", "10.0.0.254"), gateway=True) == {
        "0.0.0.0/0": (((7, "10.0.0.254"),), ())
    }
    assert routes(("0.0.0.0/0", "10.77.0.1"), gateway=True) == {"0.0.0.0/0": OUT}


def test_next_hops_and_backups_are_eight_at_most() -> None:
    inside = [("198.51.100.0/24", f"10.0.0.{n}") for n in range(10, 16)]
    found = routes(*inside, ("198.51.100.0/24", "203.0.113.9"), gateway=True)
    via, backups = found["198.51.100.0/24"]
    assert (len(via), backups) == (7, ((9, "169.254.0.3"),))
