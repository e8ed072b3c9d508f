"""Workloads in two networks with a router between them, on one host and on two."""

import pytest
from tests.dataplane.test_real_packets import connects, serve
from tests.dataplane.wire import ANY, VNI, Wire, gateways, interface

from polpo.dataplane.tables import Drop
from polpo.target.rows import GroupSet, Rule

pytestmark = pytest.mark.netns
OUT = tuple(rule for rule in ANY if not rule.ingress)
BLUE = VNI + 1


@pytest.mark.parametrize("where", [0, 1], ids=["one host", "two hosts"])
def test_a_router_joins_two_networks(wire: Wire, where: int) -> None:
    wire.set_policy(1, ANY)
    a, b = wire.plug("a", 0, 1), wire.plug("b", where, 2, vni=BLUE)
    wire.route()
    wire.sync()
    for address in (b.v4, b.v6):
        assert a.pings(address)
        assert a.pings(address, "-s", "4000"), "in fragments"
        assert not a.pings(address, "-t", "1"), "the router takes one"
        assert a.pings(address, "-t", "2")
    for here in (a, b):
        for gateway in gateways(here.row.vni):
            assert here.pings(gateway), "the router itself"
    assert a.pings(gateways(BLUE)[0]), "by its other side"


def test_connections_are_judged_by_both_ends_groups(wire: Wire) -> None:
    wire.set_policy(1, OUT)
    web = Rule(ingress=True, family=4, protocol=6, low=80, high=80, group="red")
    wire.set_policy(2, (*OUT, web))
    wire.rows.append(GroupSet(number=5, groups=("red",)))
    wire.route()
    a, c = wire.plug("a", 0, 1, groups=5), wire.plug("c", 0, 3)
    b, d = wire.plug("b", 1, 2, policy=2, vni=BLUE), wire.plug("d", 0, 4, policy=2, vni=BLUE)
    wire.sync()
    for server in (b, d):
        process = serve(server)
        try:
            assert connects(a, server.v4)
            assert not connects(c, server.v4)
        finally:
            process.kill()
            process.wait()


def test_the_path_mtu_is_found(wire: Wire) -> None:
    wire.set_policy(1, ANY)
    a, b = wire.plug("a", 0, 1), wire.plug("b", 1, 2, vni=BLUE, mtu=1300)
    wire.routers = []
    wire.route(100, (VNI,), interface(BLUE, 1300))
    wire.sync()
    for address in (b.v4, b.v6):
        assert not a.pings(address, "-s", "1400", "-M", "do"), "told of the MTU"
        assert "mtu 1300" in a.run("ip", "route", "get", address)
        assert a.pings(address, "-s", "1200", "-M", "do")
    assert wire.hosts[0].drops()[Drop.TOO_BIG] == 2


def test_who_is_unknown_is_told(wire: Wire) -> None:
    wire.set_policy(1, ANY)
    a = wire.plug("a", 0, 1)
    wire.route()
    wire.sync()
    assert "Destination Host Unreachable" in a.run("ping", "-nc1", "-W1", "10.0.1.99", check=False)
    assert "Destination Net Unreachable" in a.run("ping", "-nc1", "-W1", "10.9.9.9", check=False)
    said = a.run("ping", "-nc1", "-W1", "fd00:0:0:9::1", check=False)
    assert "Destination unreachable: No route" in said
