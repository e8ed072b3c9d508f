"""Target and plugs -> what each reconciler has to make true."""

from polpo.agent import wanted
from polpo.agent.ownership import TUNNEL
from polpo.agent.plugs import Plug
from polpo.kernel.addresses import Route
from polpo.target.rows import Lease, Port

ID = "0123456789abcdef-0000-4000-8000"
PORT = Port(
    id=ID,
    vni=7,
    mac="02:00:00:00:00:01",
    mtu=1400,
    policy=1,
    leases=(
        Lease("10.0.0.5", 24, gateway="10.0.0.1", routes=(("10.9.0.0/16", "10.0.0.2"),)),
        Lease("10.0.1.5", 24, gateway="10.0.1.1"),
        Lease("fd00::5", 64, gateway="fe80::1"),
    ),
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


def test_the_first_default_route_of_a_family_counts() -> None:
    assert wanted.routes(PORT.leases) == {
        Route("0.0.0.0/0", "10.0.0.1"),
        Route("10.9.0.0/16", "10.0.0.2"),
        Route("::/0", "fe80::1"),
    }


def test_a_gateway_does_not_route_to_itself() -> None:
    assert not wanted.routes((Lease("10.0.0.1", 24, gateway="10.0.0.1"),))


def test_no_device_opens_without_its_filter() -> None:
    wired = wanted.wired({ID: PORT}, [PLUG], lambda n: True)
    assert wanted.gates(wired, {}) == {DEVICE: False, TUNNEL: False}
    assert wanted.gates(wired, {DEVICE: 1, TUNNEL: 2}) == {DEVICE: True, TUNNEL: True}
