"""What users change is what packets meet: switching, joining, routes, groups, moves."""

from ipaddress import ip_address
from socket import if_nametoindex

import pytest
from tests.netns.routing.conftest import SERVER, Scene

from polpo.dataplane.tables import pack_mac
from polpo.kernel import netns
from polpo.kernel.packets import Sender
from polpo.lab import probes
from polpo.testing.lab import Guest
from polpo.testing.waiting import until

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]


def reaches(guest: Guest, there: Guest) -> bool:
    return all(guest.reaches(there.address(family)) for family in (4, 6))


def reaches_neither(guest: Guest, there: Guest) -> bool:
    return not any(guest.pings(there.address(family)) for family in (4, 6))


def test_a_router_that_is_switched_off_forwards_nothing(scene: Scene) -> None:
    assert reaches(scene.red1, scene.green2)
    scene.user.change("router", scene.west, admin_state_up=False)
    scene.cloud.converge()
    assert reaches_neither(scene.red1, scene.green2)
    assert reaches(scene.green1, scene.green2)
    scene.user.change("router", scene.west, admin_state_up=True)
    scene.cloud.converge()
    assert reaches(scene.red1, scene.green2)


def test_a_network_leaves_the_router_and_comes_back(scene: Scene) -> None:
    subnets = scene.user.show("network", scene.networks["green"])["subnets"]
    for subnet in subnets:
        scene.user.part(scene.west, subnet_id=subnet)
    scene.cloud.converge()
    assert reaches_neither(scene.red1, scene.green2)
    assert reaches(scene.red1, scene.blue3)
    for subnet in subnets:
        scene.user.join(scene.west, subnet_id=subnet)
    scene.cloud.converge()
    assert reaches(scene.red1, scene.green2)


def test_routers_and_interfaces_say_when_they_are_everywhere(scene: Scene) -> None:
    scene.cloud.converge()
    for router in (scene.west, scene.east):
        assert scene.user.show("router", router)["status"] == "ACTIVE"
        ports = scene.user.session.network("GET", "/ports", device_id=router)["ports"]
        assert {port["status"] for port in ports} == {"ACTIVE"}


def test_a_rule_that_names_a_group_counts_across_networks(scene: Scene) -> None:
    callers = scene.user.group("callers")
    inner = scene.user.group(
        "inner", *({"ethertype": e, "remote_group_id": callers} for e in ("IPv4", "IPv6"))
    )
    green = scene.guest("green3", "green", "h3", security_groups=[inner])
    red = scene.guest("red2", "red", "h2", security_groups=[callers])
    scene.cloud.converge()
    assert reaches(red, green)
    assert reaches_neither(scene.red1, green)
    assert reaches_neither(green, red)
    both = [scene.open, callers]
    scene.user.change("port", scene.red1.port["id"], security_groups=both)
    scene.cloud.converge()
    assert reaches(scene.red1, green)
    scene.user.change("port", scene.red1.port["id"], security_groups=[scene.open])
    scene.cloud.converge()
    until(lambda: reaches_neither(scene.red1, green), "a flow's second is over")


SHARED = "10.99.0.1"


def test_next_hops_of_one_destination_share_its_connections(scene: Scene) -> None:
    for guest in (scene.green1, scene.green2):
        pairs = [{"ip_address": SHARED}]
        scene.user.change("port", guest.port["id"], allowed_address_pairs=pairs)
        guest.run("ip", "address", "add", f"{SHARED}/32", "dev", "lo")
    hops = [(f"{SHARED}/32", guest.address(4)) for guest in (scene.green1, scene.green2)]
    before = scene.user.show("router", scene.west)["routes"]
    scene.route(scene.west, *((r["destination"], r["nexthop"]) for r in before), *hops)
    scene.cloud.converge()
    answers = [probes.get(scene.red1.netns, SHARED, patience_s=20).text for _ in range(40)]
    red = scene.red1.address(4)
    assert set(answers) == {f"green1 to {red}", f"green2 to {red}"}
    scene.user.change("router", scene.west, routes=before)


MOVING = "10.2.0.99"


def test_an_address_that_moves_is_followed_by_hosts_that_only_route_to_it(scene: Scene) -> None:
    """h3 has no port of the network where it moves from h1 to h2."""
    for guest in (scene.green1, scene.green2):
        pairs = [{"ip_address": MOVING}]
        scene.user.change("port", guest.port["id"], allowed_address_pairs=pairs)
    scene.cloud.converge()
    for guest in (scene.green1, scene.green2, scene.green1):
        name = guest.port["name"]
        guest.run("ip", "address", "add", f"{MOVING}/32", "dev", "eth0")
        netns.inside(guest.netns, lambda mac=guest.port["mac_address"]: announce(mac))  # type: ignore[misc]
        said = f"{name} to {scene.blue3.address(4)}"
        until(lambda said=said: probes.get(scene.blue3.netns, MOVING).text == said, said)  # type: ignore[misc]
        guest.run("ip", "address", "delete", f"{MOVING}/32", "dev", "eth0")


def announce(mac: str) -> None:
    """A gratuitous ARP (RFC 5227, 3), as keepalived and the kernel send it."""
    own, address = pack_mac(mac), ip_address(MOVING).packed
    head = b"\xff" * 6 + own + bytes.fromhex("0806 0001 0800 06 04 0001")
    sender = Sender()
    sender.send(if_nametoindex("eth0"), head + own + address + bytes(6) + address)
    sender.close()


def test_a_port_that_moves_to_another_host_is_reached_there(scene: Scene) -> None:
    guest = scene.guest("mover", "green", "h2")
    scene.cloud.converge()
    assert reaches(scene.red1, guest)
    scene.cloud.agent("h2").unplug(guest.port["id"])
    scene.cloud.agent("h3").plug(guest.port["id"], netns=guest.netns)
    scene.cloud.converge()
    assert reaches(scene.red1, guest)


def test_tenants_with_the_same_addresses_do_not_meet(scene: Scene) -> None:
    theirs = scene.cloud.other
    group = theirs.make("security_group", name="open")["id"]
    rule = {"direction": "ingress", "ethertype": "IPv4"}
    theirs.make("security_group_rule", security_group_id=group, **rule)
    router = theirs.make("router", name="r")["id"]
    guests = []
    for number, host in ((1, "h1"), (2, "h2")):
        network = theirs.network(f"n{number}", f"10.{number}.0.0/24")["id"]
        theirs.join_network(router, network)
        mine = (scene.red1, scene.green2)[number - 1]
        wish = [{"ip_address": mine.address(4)}]
        more = {"fixed_ips": wish, "security_groups": [group]}
        guests.append(scene.cloud.plug(theirs, f"theirs{number}", host, network, **more))
        scene.cloud.serve(guests[-1], *SERVER, f"theirs{number}", "80")
        until(lambda: probes.answers(guests[-1].netns, 80), "theirs serves")
    scene.cloud.converge()
    address = scene.green2.address(4)
    for guest, name in ((guests[0], "theirs2"), (scene.red1, "green2")):
        got = probes.get(guest.netns, address, patience_s=20)
        assert got.text == f"{name} to {scene.red1.address(4)}"


def test_what_advertises_the_network_is_the_router(scene: Scene) -> None:
    """Its link-local address is the next hop that hosts learn; it answers, and forwards."""
    said = scene.red1.run("rdisc6", "-1", "-r", "10", "eth0")
    assert "Prefix                   : fd01::/64" in said
    assert "Router lifetime           :         1800" in said
    source = said.rpartition(" from ")[2].strip()
    scene.red1.run("ip", "-6", "route", "add", "fd02::/64", "via", source, "dev", "eth0")
    assert scene.red1.reaches(scene.green2.address(6))
    assert scene.red1.reaches(f"{source}%eth0")
