"""Ports plugged at hosts, as their users see them."""

import msgspec
import pytest

from polpo.target.rows import Pair
from polpo.testing.hosts import PREFIX, Cloud, inside, pings, sh, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]


async def test_ports_of_two_hosts_reach_each_other_over_both_families(cloud: Cloud) -> None:
    await cloud.a.started()
    await cloud.b.started()
    _, one = await cloud.wired(cloud.a, 11)
    _, two = await cloud.wired(cloud.b, 12)
    await until(lambda: pings(one, "10.7.0.12"), "IPv4")
    await until(lambda: pings(two, "fd07::b"), "IPv6")


async def test_the_answer_and_the_workload_have_what_the_target_says(cloud: Cloud) -> None:
    port, netns = cloud.controller.add_port(21), f"{PREFIX}w21"
    answer = await cloud.a.plug(port, netns)
    assert (answer["mac"], answer["mtu"]) == ("fa:16:3e:00:00:15", 1400)
    assert [lease["address"] for lease in answer["leases"]] == ["10.7.0.21", "fd07::15"]
    assert "fa:16:3e:00:00:15" in inside(netns, "ip link show eth0")
    assert "default via 10.7.0.1 dev eth0" in inside(netns, "ip route")
    assert "fd99::/64 via fd07::1" in inside(netns, "ip -6 route")
    assert "tentative" not in inside(netns, "ip -6 address show dev eth0 scope global")


async def test_the_controller_hears_which_ports_carry_traffic(cloud: Cloud) -> None:
    port, _ = await cloud.wired(cloud.a, 22)
    await until(lambda: port in cloud.controller.statuses["a"].ports)
    await until(lambda: cloud.controller.statuses["a"].revision == cloud.controller.revision)


async def test_unplug_removes_all_that_plug_made(cloud: Cloud) -> None:
    port, netns = await cloud.wired(cloud.a, 23)
    assert (await cloud.a.ask(do="unplug", port=port))["ok"]
    assert netns not in sh("ip netns list")
    assert f"pp{port.replace('-', '')[:11]}" not in inside(cloud.a.netns, "ip link")
    assert port not in cloud.controller.bound
    assert (await cloud.a.ask(do="unplug", port=port))["ok"]


async def test_plugging_and_unplugging_is_no_drift(cloud: Cloud) -> None:
    before = (await cloud.a.status()).get("drift", {})
    port, _ = await cloud.wired(cloud.a, 29)
    await cloud.a.ask(do="unplug", port=port)
    await cloud.wired(cloud.a, 29)
    assert (await cloud.a.status()).get("drift", {}) == before


async def test_a_namespace_of_others_is_wired_but_never_removed(cloud: Cloud) -> None:
    netns = f"{PREFIX}theirs"
    sh(f"ip netns add {netns}")
    port = cloud.controller.add_port(24)
    await cloud.a.plug(port, netns)
    sh(f"ip netns delete {netns}")
    await until(lambda: "namespace is gone" in cloud.a.log.read_text())
    assert netns not in sh("ip netns list")
    sh(f"ip netns add {netns}")
    await until(lambda: pings(netns, "10.7.0.21"))
    await cloud.a.ask(do="unplug", port=port)
    assert netns in sh("ip netns list")
    sh(f"ip netns delete {netns}")


async def test_a_tap_is_a_port_too(cloud: Cloud) -> None:
    inside(cloud.a.netns, "ip tuntap add dev theirs0 mode tap")
    for number, tap in ((25, "theirs0"), (26, "ours0")):
        port = cloud.controller.add_port(number)
        answer = await cloud.a.ask(do="plug", port=port, tap=tap)
        assert answer["ok"], f"{answer}\n{cloud.a.log.read_text()[-3000:]}"
        assert "mtu 1400" in inside(cloud.a.netns, f"ip link show {tap}")
        assert "polpo-from_port" in inside(cloud.a.netns, f"tc filter show dev {tap} ingress")
        assert (await cloud.a.ask(do="unplug", port=port))["ok"]
    links = inside(cloud.a.netns, "ip link")
    assert "theirs0" in links
    assert "ours0" not in links
    assert "clsact" not in inside(cloud.a.netns, "tc qdisc show dev theirs0")


async def test_a_tap_of_others_outlives_its_port(cloud: Cloud) -> None:
    inside(cloud.a.netns, "ip tuntap add dev theirs1 mode tap")
    port = cloud.controller.add_port(31)
    assert (await cloud.a.ask(do="plug", port=port, tap="theirs1"))["ok"]
    row = cloud.controller.ports.pop(port)
    await cloud.controller.write()
    await until(lambda: "polpo" not in inside(cloud.a.netns, "tc filter show dev theirs1 ingress"))
    assert "theirs1" in inside(cloud.a.netns, "ip link")
    cloud.controller.ports[port] = row
    assert (await cloud.a.ask(do="unplug", port=port))["ok"]
    inside(cloud.a.netns, "ip link delete theirs1")


async def test_an_allowed_address_is_reported_where_it_speaks(cloud: Cloud) -> None:
    mac = "fa:16:3e:00:00:1e"
    port = cloud.controller.add_port(30, pairs=(Pair(mac, "10.7.0.100/32"),))
    netns = f"{PREFIX}w30"
    await cloud.a.plug(port, netns)
    inside(netns, "ip addr add 10.7.0.100/32 dev eth0")
    await until(lambda: pings(netns, "-I 10.7.0.100 10.7.0.12"))
    said = (7, "10.7.0.100", port)
    await until(lambda: said in cloud.controller.statuses["a"].moved)


async def test_a_port_that_is_down_is_plugged_but_carries_nothing(cloud: Cloud) -> None:
    port, netns = cloud.controller.add_port(28), f"{PREFIX}w28"
    row = cloud.controller.ports[port]
    cloud.controller.ports[port] = msgspec.structs.replace(row, admin_up=False)
    await cloud.a.plug(port, netns)
    assert not pings(netns, "10.7.0.12")
    assert port not in (await cloud.a.status())["ports"]
    cloud.controller.ports[port] = row
    await cloud.controller.write()
    await until(lambda: pings(netns, "10.7.0.12"))


async def test_what_cannot_be_done_is_said_clearly(cloud: Cloud) -> None:
    unknown = await cloud.a.ask(do="plug", port="00000000-0000-4000-8000-00000000dead", netns="x")
    assert "no port 00000000" in unknown["error"]
    nowhere = await cloud.a.ask(do="plug", port=cloud.controller.add_port(27))
    assert nowhere["error"] == "say either netns or tap"
    outside = await cloud.a.ask(do="plug", port=cloud.controller.add_port(27), netns="../x")
    assert "not a name for netns" in outside["error"]
    assert not (await cloud.a.ask(do="dance"))["ok"]


async def test_figures_are_served_to_prometheus(cloud: Cloud) -> None:
    text = (await cloud.a.ask(do="metrics"))["text"]
    assert 'polpo_agent_rows{table="ports"}' in text
    assert "polpo_agent_loop_seconds_count" in text
    assert 'polpo_agent_port_packets_in_total{port="0000000b' in text
    page = inside(cloud.a.netns, "curl -s http://127.0.0.1:9101/metrics")
    assert f"polpo_agent_revision_held {float(cloud.controller.revision)}" in page


async def test_a_second_agent_of_the_same_host_refuses_to_run(cloud: Cloud) -> None:
    for more in ((), ("--purge",)):
        with pytest.raises(AssertionError, match="another agent of this host runs"):
            sh(*cloud.a.command(*more))
