"""What hosts say of load balancers, put together."""

import msgspec

from polpo.api.balancing import NOWHERE, Balanced
from polpo.api.context import Carrying, Instance
from polpo.api.hosts_v1.reports import ALIVE_S, Reports
from polpo.model.host import Host
from polpo.model.load_balancer import Listener, LoadBalancer
from polpo.model.placement import HIGH, Placement, instance_id
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot
from polpo.target.balancer import Balancing, Flow
from polpo.target.status import Status

LB = LoadBalancer(id="B", vni=30, vip_address="10.0.0.9", vip_network_id="N", vip_port_id="V")
IDS = {host: instance_id("B", n) for n, host in ((3, "a"), (4, "b"))}


class World:
    def __init__(self) -> None:
        self.time = 100.0
        self.reports = Reports(lambda: self.time, lambda: self.time)
        self.snapshot = Snapshot().put(LB).at(9)
        for n, name in ((3, "a"), (4, "b")):
            host = Host(id=f"H{name}", name=name, address=f"192.0.2.{n}", token_hash=name)
            at = Placement(
                id=IDS[name], function_id="B", instance=n, host=name, priority=HIGH
            )  # fmt: skip
            self.snapshot = self.snapshot.put(host).put(at)

    def say(self, host: str, revision: int, active: bool = False, **more: object) -> None:
        said = Balancing(**more)  # type: ignore[arg-type]
        status = Status(revision, active=(30,) if active else (), balancing={30: said})
        self.reports.hear(host, msgspec.json.encode(status))

    def look(self) -> Carrying:
        return Balanced(self.reports, self.snapshot).carrying(LB)


def test_it_has_reached_what_both_have_once_one_is_active() -> None:
    world = World()
    world.say("a", 9)
    world.say("b", 7)
    assert world.look().reached == -1
    world.say("a", 9, active=True)
    assert world.look().reached == 7
    world.time += ALIVE_S + 1
    world.say("a", 9, active=True)
    assert world.look().reached == 9, "who is dead holds nobody up"


def test_what_switches_carry_has_been_reached_when_all_that_have_its_network_have_it() -> None:
    """A client may be on any of them; who is dead holds nobody up."""
    world = World()
    client = Port(id="client", network_id="N", mac_address="", host="c")
    world.snapshot = world.snapshot.put(client)
    for host in "abc":
        world.say(host, 7 if host == "c" else 9, active=host == "a")
    assert world.look().reached == 9, "HAProxy is on a and b"
    datagrams = Listener(id="u", load_balancer_id="B", protocol="UDP", protocol_port=53)
    world.snapshot = world.snapshot.put(datagrams)
    assert world.look().reached == 7
    world.time += ALIVE_S + 1
    world.say("a", 9, active=True)
    assert world.look().reached == 9


def test_a_host_has_nothing_of_it_before_its_instance_was_placed_there() -> None:
    """Placements are written after the load balancer: a host may have reached that meanwhile."""
    world = World()
    for name, id in IDS.items():
        port = Port(id=name, network_id="N", mac_address="", device_id=id, wiring=10)
        world.snapshot = world.snapshot.put(port)
    world.say("a", 9, active=True)
    world.say("b", 9)
    assert world.look().reached == -1
    world.say("a", 10, active=True)
    assert world.look().reached == 0, "the other half is still to begin"
    world.say("b", 10)
    assert world.look().reached == 10


def test_what_is_asked_of_an_instance_that_is_there_is_waited_for_but_no_beginning() -> None:
    world = World()
    asked = msgspec.structs.replace(LB, wiring=10)
    for name, id in IDS.items():
        port = Port(id=name, network_id="N", mac_address="", device_id=id, wiring=10)
        world.snapshot = world.snapshot.put(port)
        world.say(name, 9, active=True)
    assert Balanced(world.reports, world.snapshot).carrying(asked).reached == 9


def test_members_are_as_the_active_one_sees_them_and_flows_are_everybodys() -> None:
    world = World()
    world.say("a", 9, members={"m": "DOWN"}, flows={"l": Flow(1, 2, 3, 4, 5)})
    world.say("b", 9, True, members={"m": "UP"}, flows={"l": Flow(10, 20, 30, 40, 50)})
    found = world.look()
    assert found.members == {"m": "UP"}
    assert found.flows == {"l": Flow(11, 22, 33, 44, 55)}
    assert found.instances == {
        IDS["a"]: Instance("a", "192.0.2.3", "BACKUP"),
        IDS["b"]: Instance("b", "192.0.2.4", "MASTER"),
    }


def test_an_error_of_either_is_one() -> None:
    world = World()
    world.say("a", 9, True)
    world.say("b", 9, error="no such certificate")
    assert world.look().error == "no such certificate"


def test_without_any_live_host_it_is_an_error_and_no_waiting() -> None:
    world = World()
    assert world.look().error == NOWHERE
    world.say("a", 9, True)
    assert world.look().error is None


def test_what_switches_carry_is_counted_on_all_hosts() -> None:
    world = World()
    listener = Listener(id="u", load_balancer_id="B", protocol="UDP", protocol_port=53)
    world.snapshot = world.snapshot.put(listener)
    for host in ("a", "c"):
        status = Status(9, served={"u": Flow(1, 2, 0, 3, 0), "other": Flow(9, 9, 9, 9, 9)})
        world.reports.hear(host, msgspec.json.encode(status))
    assert world.look().flows == {"u": Flow(2, 4, 0, 6, 0)}
