"""Gateways' rows, looked at by hand: what is translated, what passes, where everything leads."""

import msgspec
import pytest

from polpo.compiler.slices import all_slices
from polpo.model.host import Host
from polpo.model.network import HostRoute, Network, Subnet, SubnetPool
from polpo.model.object import Object
from polpo.model.placement import HIGH, LOW, Placement, instance_id
from polpo.model.port import FixedIP, Port
from polpo.model.router import GATEWAY, INTERFACE, FloatingIP, Forwarding, Router
from polpo.model.snapshot import Snapshot
from polpo.target import forwarding, rows

replace = msgspec.structs.replace
HOSTS = [Host(id=f"H{n}", name=n, address=f"192.0.2.{n[1]}", token_hash=n) for n in ("h1", "h2")]
OUT = Network(
    id="OUT",
    vni=6,
    mtu=1350,
    external=True,
    network_type="vlan",
    physical_network="physnet1",
    vlan_id=7,
)
O4 = Subnet(
    id="O4", network_id="OUT", ip_version=4, cidr="203.0.113.0/24", gateway_ip="203.0.113.1"
)
O6 = Subnet(id="O6", network_id="OUT", ip_version=6, cidr="2001:db8::/64", gateway_ip="2001:db8::1")
MORE = Subnet(id="OM", network_id="OUT", ip_version=4, cidr="198.51.100.0/24")
A4 = Subnet(id="A4", network_id="A", ip_version=4, cidr="10.0.0.0/24", gateway_ip="10.0.0.1")
A6 = Subnet(id="A6", network_id="A", ip_version=6, cidr="fd00::/64", gateway_ip="fd00::1")
DOOR = Port(
    id="G",
    network_id="OUT",
    mac_address="fa:16:3e:00:00:05",
    fixed_ips=(FixedIP("O4", "203.0.113.5"), FixedIP("O6", "2001:db8::5")),
    device_id="R",
    device_owner=GATEWAY,
)
SIDES = [
    Port(
        id="i4",
        network_id="A",
        mac_address="fa:16:3e:00:00:01",
        fixed_ips=(FixedIP("A4", "10.0.0.1"),),
        device_id="R",
        device_owner=INTERFACE,
    ),
    Port(
        id="i6",
        network_id="A",
        mac_address="fa:16:3e:00:00:02",
        fixed_ips=(FixedIP("A6", "fd00::1"),),
        device_id="R",
        device_owner=INTERFACE,
    ),
]
ROUTER = Router(id="R", vni=9, external_network_id="OUT", gateway_port_id="G")
HOMES = [
    Placement(id=instance_id("R", 3), function_id="R", instance=3, host="h1", priority=HIGH),
    Placement(id=instance_id("R", 4), function_id="R", instance=4, host="h2", priority=LOW),
]
CLOUD: list[Object] = [
    *(*HOSTS, OUT, O4, O6, MORE, Network(id="A", vni=7, mtu=1450), A4, A6),
    *(DOOR, *SIDES, ROUTER, *HOMES),
]


def compiled(*more: Object) -> rows.Slices:
    """With these objects in the place of what has their ids."""
    there = {(obj.kind, obj.id): obj for obj in (*CLOUD, *more)}
    return all_slices(Snapshot.of(there.values(), 9))


def gateway(*more: Object, host: str = "h1") -> rows.Gateway:
    row = compiled(*more)[f"host/{host}"]["gateway/9"]
    assert isinstance(row, rows.Gateway)
    return row


def pool(id: str, scope: str | None) -> SubnetPool:
    return SubnetPool(
        id=id,
        prefixes=(),
        ip_version=4,
        default_prefixlen=24,
        min_prefixlen=8,
        max_prefixlen=32,
        address_scope_id=scope,
    )


def fip(id: str, **fields: object) -> FloatingIP:
    address = f"203.0.113.1{id}"
    held = {"floating_network_id": "OUT", "floating_ip_address": address, "router_id": "R"}
    return FloatingIP(id=id, floating_port_id="", **(held | fields))  # type: ignore[arg-type]


def test_an_instance_and_its_peer() -> None:
    row = gateway()
    assert row == rows.Gateway(
        router="R",
        vni=9,
        physical_network="physnet1",
        vlan=7,
        mtu=1350,
        external_mac="fa:16:3e:00:00:05",
        port=HOMES[0].id,
        instance=3,
        peer_mac="0e:04:00:00:00:09",
        priority=HIGH,
        external=("203.0.113.5/24", "2001:db8::5/64"),
        next_hops=("203.0.113.1", "2001:db8::1"),
        on_link=("198.51.100.0/24",),
        inside=("10.0.0.0/24", "fd00::/64"),
        snat=("10.0.0.0/24",),
        routed=("fd00::/64",),
    )
    assert gateway(host="h2") == replace(
        row, port=HOMES[1].id, instance=4, peer_mac="0e:03:00:00:00:09", priority=LOW
    )


def test_its_end_in_the_transit_network_and_how_others_reach_it() -> None:
    slices = compiled()
    id = HOMES[0].id
    port = slices["host/h1"][f"port/{id}"]
    assert port == rows.Port(
        id=id,
        vni=9,
        mac="0e:03:00:00:00:09",
        mtu=1350,
        policy=0,
        leases=(rows.Lease("169.254.0.3", "transit4"), rows.Lease("fe80::3", "transit6")),
        port_security=False,
        name="gateway of R",
    )
    assert slices["network/9"] == {
        f"endpoint/{HOMES[1].id}": rows.Endpoint(
            HOMES[1].id, "0e:04:00:00:00:09", "192.0.2.2", ("169.254.0.4", "fe80::4")
        ),
        f"endpoint/{id}": rows.Endpoint(
            id, "0e:03:00:00:00:09", "192.0.2.1", ("169.254.0.3", "fe80::3")
        ),
        "subnet/transit4": rows.Subnet("transit4", "169.254.0.0/24", dhcp=False),
        "subnet/transit6": rows.Subnet("transit6", "fe80::/64", dhcp=False),
    }


def test_its_host_carries_the_routers_domain() -> None:
    slices = compiled()
    assert {"network/7", "network/9", "routing/9"} <= slices["host/h1"].keys()
    assert {"member/192.0.2.1", "member/192.0.2.2"} <= slices["router/9"].keys()


def test_one_that_moves_changes_nothing_of_its_peer() -> None:
    third = Host(id="H3", name="h3", address="192.0.2.3", token_hash="h3")
    moved = compiled(third, replace(HOMES[1], host="h3"))
    assert moved["host/h1"] == compiled()["host/h1"]
    assert moved["host/h3"] == compiled()["host/h2"]


@pytest.mark.parametrize(
    "change",
    [
        replace(ROUTER, admin_state_up=False),
        replace(ROUTER, gateway_port_id="", external_network_id=""),
        replace(OUT, physical_network=None),
    ],
)
def test_there_is_none_where_it_leads_nowhere(change: Object) -> None:
    slices = compiled(change)
    kinds = {type(row) for rows_ in slices.values() for row in rows_.values()}
    assert not kinds & {rows.Gateway, rows.Port, rows.Endpoint}


def test_floating_ips_and_forwarded_ports() -> None:
    ports = Forwarding("F", "tcp", 8000, 8002, "P", "10.0.0.8", 80, "", 82)
    dns = Forwarding("D", "udp", 53, 54, "P", "10.0.0.8", 53, "", 53)
    row = gateway(
        fip("9", port_id="P9", fixed_ip_address="10.0.0.9"),
        fip("2", port_id="P2", fixed_ip_address="10.0.0.2"),
        fip("3", forwardings=(ports, dns)),
        fip("4", router_id=""),
    )
    assert row.floating == (("203.0.113.12", "10.0.0.2"), ("203.0.113.19", "10.0.0.9"))
    assert set(row.forwardings) == {
        forwarding.Forwarding("203.0.113.13", "tcp", 8000, 8002, "10.0.0.8", 80),
        forwarding.Forwarding("203.0.113.13", "udp", 53, 54, "10.0.0.8", 53, True),
    }


def test_without_snat_addresses_pass_as_they_are() -> None:
    """As in Neutron: whoever is outside has to know the way back."""
    row = gateway(replace(ROUTER, enable_snat=False))
    assert (row.snat, row.routed) == ((), ("10.0.0.0/24", "fd00::/64"))


@pytest.mark.parametrize(
    ("inside", "outside", "snat", "passes"),
    [
        ("X", "X", True, "routed"),
        ("X", "X", False, "routed"),
        ("X", "Y", True, "snat"),
        ("X", None, True, "snat"),
        (None, "X", True, "snat"),
        ("X", "Y", False, ""),
        ("X", None, False, ""),
    ],
)
def test_address_scopes(inside: str | None, outside: str | None, snat: bool, passes: str) -> None:
    row = gateway(
        pool("L", inside),
        pool("M", outside),
        replace(A4, subnetpool_id="L"),
        replace(O4, subnetpool_id="M"),
        replace(ROUTER, enable_snat=snat),
    )
    found = {name for name in ("snat", "routed") if "10.0.0.0/24" in getattr(row, name)}
    assert found == ({passes} if passes else set())


def test_ipv6_of_another_scope_does_not_pass() -> None:
    row = gateway(pool("L", "X"), replace(A6, subnetpool_id="L"))
    assert row.routed == ()


def routed(*given: tuple[str, str], **fields: object) -> rows.Gateway:
    routes = tuple(HostRoute(*route) for route in given)
    return gateway(replace(ROUTER, routes=routes, **fields))


def test_what_is_routed_on_inside_is_inside_and_of_its_links_scope() -> None:
    row = routed(("10.9.0.0/16", "10.0.0.8"), ("fd99::/64", "fd00::8"))
    assert row.inside == ("10.0.0.0/24", "10.9.0.0/16", "fd00::/64", "fd99::/64")
    assert row.snat == ("10.0.0.0/24", "10.9.0.0/16")
    assert row.routed == ("fd00::/64", "fd99::/64")


def test_a_route_to_the_outside_is_the_gateways() -> None:
    row = routed(("192.0.2.0/24", "203.0.113.9"), ("192.0.2.0/24", "203.0.113.8"))
    assert row.routes == (("192.0.2.0/24", ("203.0.113.8", "203.0.113.9")),)
    assert row.inside == ("10.0.0.0/24", "fd00::/64")


def test_ones_own_default_route_outside_goes_before_the_subnets_gateway() -> None:
    row = routed(("0.0.0.0/0", "203.0.113.9"))
    assert row.routes == (("0.0.0.0/0", ("203.0.113.9",)),)
    assert row.next_hops == ("2001:db8::1",)


def test_ones_own_default_route_inside_leaves_the_gateway_its_own() -> None:
    """Else what has come in by a floating IP could not go back."""
    row = routed(("0.0.0.0/0", "10.0.0.8"))
    assert row.inside == ("10.0.0.0/24", "fd00::/64")
    assert row.next_hops == ("203.0.113.1", "2001:db8::1")


def test_an_interface_that_is_off_is_not_inside() -> None:
    row = gateway(replace(SIDES[0], admin_state_up=False))
    assert row.inside == ("fd00::/64",)


def test_a_router_with_nothing_outside_but_ipv6() -> None:
    row = gateway(replace(DOOR, fixed_ips=DOOR.fixed_ips[1:]))
    assert row.external == ("2001:db8::5/64",)
    assert row.on_link == ("198.51.100.0/24", "203.0.113.0/24")
