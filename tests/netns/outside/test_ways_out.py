"""From the API to the packet: who speaks to whom as whom, by real connections."""

from pathlib import Path

import pytest
from tests.netns.outside.conftest import FAR, FAR_ROUTER, WORLD, WORLD6, Scene

from polpo.lab import outside, probes
from polpo.testing.lab import Guest
from polpo.testing.waiting import until

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]


def asked(caller: str, address: str, port: int = 80, patience_s: int = 3) -> str:
    """What the server at that address says: its name, and who it sees."""
    return probes.get(caller, address, port, patience_s).text or ""


def hears(caller: str, address: str, port: int = 80) -> str:
    """The same where there has to be an answer: a busy machine takes its time."""
    return asked(caller, address, port, 20)


def test_without_a_floating_ip_one_speaks_as_the_router_wherever_one_is(scene: Scene) -> None:
    for vm in scene.vms:
        assert hears(vm.netns, WORLD) == f"outside to {scene.addresses()[4]}"


def test_ipv6_passes_as_it_is_both_ways(scene: Scene) -> None:
    for vm in scene.vms:
        own = vm.address(6)
        assert hears(vm.netns, WORLD6) == f"outside to {own}"
        assert hears(scene.world, own) == f"{vm.port['name']} to {WORLD6}"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_floating_ip_comes_and_goes(number: int, scene: Scene) -> None:
    """On the active one's host, the other one's, and a third."""
    vm, own = scene.vms[number], f"outside to {scene.addresses()[4]}"
    fip = scene.floating(vm)
    address = fip["floating_ip_address"]
    assert hears(scene.world, address) == f"{vm.port['name']} to {WORLD}"
    assert hears(vm.netns, WORLD) == f"outside to {address}"
    scene.user.session.network("DELETE", f"/floatingips/{fip['id']}")
    until(lambda: not vm.pings(address), "nobody has it any more")
    until(lambda: asked(vm.netns, WORLD) == own, "speaks as the router again")


def test_floating_ips_are_reached_from_inside_and_from_another_projects_router(
    scene: Scene,
) -> None:
    """Two of one router by their floating IPs; one's own; from one without; from a stranger."""
    one, two, none = scene.vms
    fips = {vm.netns: scene.floating(vm) for vm in (one, two)}
    address = fips[one.netns]["floating_ip_address"]
    seen = {
        one.netns: address,
        two.netns: fips[two.netns]["floating_ip_address"],
        none.netns: scene.addresses()[4],
    }
    for caller, expected in seen.items():
        assert hears(caller, address) == f"vm1 to {expected}"
    strangers_reach(scene, address, "vm1")
    for fip in fips.values():
        scene.user.session.network("DELETE", f"/floatingips/{fip['id']}")


def strangers_reach(scene: Scene, address: str, name: str) -> None:
    """From another project, by way of its own router's gateway."""
    stranger = scene.cloud.lab.netns("other-client")
    router = hears(stranger, WORLD).removeprefix("outside to ")
    assert router not in ("", scene.addresses()[4])
    assert hears(stranger, address) == f"{name} to {router}"


def test_the_same_address_in_two_projects_reaches_outside_at_the_same_time(scene: Scene) -> None:
    names = ("client", "other-client")  # 10.0.0.10, both of them, with routers of their own
    seen = {name: hears(scene.cloud.lab.netns(name), WORLD) for name in names}
    assert len(set(seen.values())) == 2
    for _ in range(10):
        assert {n: hears(scene.cloud.lab.netns(n), WORLD) for n in names} == seen


def test_forwarded_ports_lead_where_they_say(scene: Scene) -> None:
    session, (one, two, _) = scene.user.session, scene.vms
    fip = scene.user.make("floatingip", floating_network_id=scene.external)
    for port, vm in ((8001, one), (8002, two)):
        forwarding = {
            "protocol": "tcp",
            "external_port": port,
            "internal_port": 80,
            "internal_port_id": vm.port["id"],
            "internal_ip_address": vm.address(4),
        }
        path = f"/floatingips/{fip['id']}/port_forwardings"
        session.network("POST", path, {"port_forwarding": forwarding})
    scene.active(fip)
    for port, name in ((8001, "vm1"), (8002, "vm2")):
        assert hears(scene.world, fip["floating_ip_address"], port) == f"{name} to {WORLD}"
    assert asked(scene.world, fip["floating_ip_address"], 8003) == ""
    for made in session.network("GET", path)["port_forwardings"]:
        session.network("DELETE", f"{path}/{made['id']}")
    session.network("DELETE", f"/floatingips/{fip['id']}")


def test_an_extra_route_leads_to_another_router_outside(scene: Scene) -> None:
    vm = scene.vms[0]
    assert asked(vm.netns, FAR) == ""
    route = {"destination": "198.51.100.0/24", "nexthop": FAR_ROUTER}
    scene.user.change("router", scene.router, routes=[route])
    until(lambda: asked(vm.netns, FAR) == f"far to {scene.addresses()[4]}", "the way far")
    scene.user.change("router", scene.router, routes=[])
    until(lambda: asked(vm.netns, FAR) == "", "no way any more")
    assert hears(vm.netns, WORLD) == f"outside to {scene.addresses()[4]}"


def test_without_snat_addresses_pass_as_they_are(scene: Scene) -> None:
    vm = scene.vms[1]
    scene.lead_out(enable_snat=False)
    outside.route(scene.cloud.lab, ["10.5.0.0/24"], scene.addresses()[4])
    own = vm.address(4)
    until(lambda: asked(vm.netns, WORLD) == f"outside to {own}", "seen as itself")
    assert hears(scene.world, own) == f"vm2 to {WORLD}"
    scene.lead_out(enable_snat=True)
    until(lambda: asked(vm.netns, WORLD) == f"outside to {scene.addresses()[4]}", "as the router")
    until(lambda: asked(scene.world, own) == "", "not reached by its own address")


def test_a_router_that_is_switched_off_is_nowhere(scene: Scene) -> None:
    vm, homes = scene.vms[0], scene.states().keys()
    fip = scene.floating(vm)
    scene.user.change("router", scene.router, admin_state_up=False)
    until(lambda: not vm.pings(WORLD), "no way out")
    until(lambda: asked(scene.world, fip["floating_ip_address"]) == "", "no way in")
    assert scene.user.show("floatingip", fip["id"])["status"] == "DOWN"
    scene.user.change("router", scene.router, admin_state_up=True)
    scene.active(fip)
    until(lambda: asked(scene.world, fip["floating_ip_address"]) == f"vm1 to {WORLD}", "back")
    assert scene.states().keys() == homes, "where it was"
    scene.user.session.network("DELETE", f"/floatingips/{fip['id']}")


def test_a_way_out_that_is_taken_leaves_nothing_and_comes_again(scene: Scene) -> None:
    """Meanwhile another router of the same network has one, which is not the subnet's gateway."""
    vm, number = scene.vms[2], scene.vni()
    scene.admin.change("router", scene.router, external_gateway_info={})
    until(lambda: not scene.states(), "no homes")
    until(lambda: not list_namespaces(number), "no namespaces")
    assert not vm.pings(WORLD)
    a_floating_ip_leads_in_by_one_router_and_out_by_two(scene, vm)
    scene.lead_out()
    scene.settled()
    outside.route(scene.cloud.lab, ["fd05::/64"], scene.addresses()[6])
    until(lambda: asked(vm.netns, WORLD) == f"outside to {scene.addresses()[4]}", "a way out")
    until(lambda: asked(vm.netns, WORLD6) == f"outside to {vm.address(6)}", "IPv6 as well")


def a_floating_ip_leads_in_by_one_router_and_out_by_two(scene: Scene, vm: Guest) -> None:
    """Without a way from the gateway to the other router, answers are lost: as in Neutron."""
    user, beside = scene.user, "10.5.0.254"
    router = user.make("router", name="beside")["id"]
    fixed = [{"ip_address": beside}]
    port = user.make("port", network_id=scene.network, fixed_ips=fixed)["id"]
    user.join(router, port_id=port)
    info = {"network_id": scene.external}
    scene.admin.change("router", router, external_gateway_info=info)
    fip = scene.floating(vm)
    address = fip["floating_ip_address"]
    assert fip["router_id"] == router
    assert asked(scene.world, address) == ""
    way = {"destination": "0.0.0.0/0", "nexthop": beside}
    user.change("router", scene.router, routes=[way])
    until(lambda: asked(scene.world, address) == f"vm3 to {WORLD}", "answers")
    assert hears(vm.netns, WORLD) == f"outside to {address}"
    user.change("router", scene.router, routes=[])
    user.session.network("DELETE", f"/floatingips/{fip['id']}")
    user.part(router, port_id=port)
    user.session.network("DELETE", f"/routers/{router}")


def list_namespaces(number: int) -> list[str]:
    return [path.name for path in Path("/run/netns").glob(f"polpo-h?-{number}")]
