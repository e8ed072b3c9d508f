"""Target and plugs -> what each reconciler has to make true."""

import msgspec

from polpo.agent import wanted
from polpo.agent.addressing import Address, addresses
from polpo.agent.ownership import METADATA, TUNNEL
from polpo.agent.plugs import Plug
from polpo.kernel.addresses import Route
from polpo.target.instance import Instance
from polpo.target.rows import Lease, Port, Subnet

ID = "0123456789abcdef-0000-4000-8000"
PORT = Port(
    id=ID,
    vni=7,
    mac="02:00:00:00:00:01",
    mtu=1400,
    policy=1,
    leases=(Lease("10.0.0.5", "a"), Lease("10.0.1.5", "b"), Lease("fd00::5", "c")),
)
SUBNETS = {
    "a": Subnet("a", "10.0.0.0/24", "10.0.0.1", ("9.9.9.9",), (("10.9.0.0/16", "10.0.0.2"),)),
    "b": Subnet("b", "10.0.1.0/24", "10.0.1.1"),
    "c": Subnet("c", "fd00::/64", "fe80::1"),
}
ADDRESSES = (
    Address("10.0.0.5", 24, "10.0.0.1", (("10.9.0.0/16", "10.0.0.2"),), ("9.9.9.9",)),
    Address("10.0.1.5", 24, "10.0.1.1"),
    Address("fd00::5", 64, "fe80::1"),
)
PLUG = Plug(port=ID, kind="netns", device="eth0", netns="w")
DEVICE = "pp0123456789a"


def test_a_port_is_wired_when_it_is_in_the_target_and_plugged() -> None:
    assert list(wanted.wired({ID: PORT}, [PLUG], lambda n: True)) == [DEVICE]
    assert not wanted.wired({}, [PLUG], lambda n: True)
    assert not wanted.wired({ID: PORT}, [], lambda n: True)


def test_a_plug_into_a_namespace_of_others_waits_for_it() -> None:
    assert not wanted.wired({ID: PORT}, [PLUG], lambda n: False)
    ours = Plug(port=ID, kind="netns", device="eth0", netns="w", created=True)
    assert wanted.wired({ID: PORT}, [ours], lambda n: False)


def test_an_address_has_what_its_subnet_says() -> None:
    assert addresses(PORT, lambda vni, id: SUBNETS.get(id)) == ADDRESSES
    assert addresses(PORT, lambda vni, id: None) == ()


def test_the_first_default_route_of_a_family_counts() -> None:
    assert wanted.routes(ADDRESSES) == {
        Route("0.0.0.0/0", "10.0.0.1"),
        Route("10.9.0.0/16", "10.0.0.2"),
        Route("::/0", "fe80::1"),
    }


def test_a_gateway_does_not_route_to_itself() -> None:
    assert not wanted.routes((Address("10.0.0.1", 24, gateway="10.0.0.1"),))


def test_the_metadata_service_is_on_the_link() -> None:
    known = msgspec.structs.replace(PORT, instance=Instance("vm", "n"))
    assert wanted.metadata_routes(known, ADDRESSES) == {Route("169.254.169.254/32", None)}
    assert not wanted.metadata_routes(known, (Address("fd00::5", 64),))
    assert not wanted.metadata_routes(PORT, ADDRESSES)


def test_no_device_opens_without_its_filter() -> None:
    wired = wanted.wired({ID: PORT}, [PLUG], lambda n: True)
    assert wanted.gates(wired, {}) == {DEVICE: False, TUNNEL: False, METADATA: False}
    guarded = {DEVICE: 1, TUNNEL: 2, METADATA: 3}
    assert wanted.gates(wired, guarded) == dict.fromkeys(guarded, True)
