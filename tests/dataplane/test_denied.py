"""The agent is told of what ports were not to send, or to receive: a few a second, all counted."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both
from tests.dataplane.scenes import ALL, VNI, addresses, mac, scene

from polpo.dataplane.model import Verdict
from polpo.dataplane.rings import DENIED, DENIED_RING
from polpo.dataplane.tables import COUNTER, U32, Drop, unpack_address
from polpo.kernel.ring import Ring
from polpo.target.rows import Rule

EGRESS_ONLY = tuple(rule for rule in ALL if not rule.ingress)


@pytest.fixture
def ring(rig: Rig) -> Iterator[Ring]:
    opened = Ring(rig.switch.tables[DENIED_RING])
    opened.read()
    yield opened
    opened.close()


def cloud(rig: Rig, *rules: Rule) -> None:
    """Port 3 is in a policy of these rules and may send anything, the others do as they like."""
    rig.set(*scene({1: ALL, 2: (*EGRESS_ONLY, *rules)}, {3: 2}))


def tcp(sender: int, to: int, port: int = 80, own: int = 1000, flags: int = 2) -> bytes:
    ends = (mac(sender), addresses(sender)[0]), (mac(to), addresses(to)[0])
    return packets.frame(*ends, 6, packets.tcp(own, port, flags))


def told(ring: Ring) -> list[dict[str, Any]]:
    return [DENIED.unpack(record) for record in ring.read()]


def counted(rig: Rig, ifindex: int) -> tuple[int, int]:
    values = rig.switch.tables["counters"].sum()[U32.pack(ifindex)]
    named = dict(zip(COUNTER.fields, values, strict=True))
    return named["denied_in"], named["denied_out"]


def test_who_denied_what_to_whom_is_told(rig: Rig, ring: Ring) -> None:
    cloud(rig)
    assert both(rig, 11, tcp(1, 3)) == Verdict(drop=Drop.INGRESS_POLICY)
    (record,) = told(ring)
    assert (record["ifindex"], record["vni"], record["reply"]) == (13, VNI, 0)
    assert (record["protocol"], Drop(record["reason"])) == (6, Drop.INGRESS_POLICY)
    assert unpack_address(record["source"]) == "10.0.0.1"
    assert unpack_address(record["destination"]) == "10.0.0.3"
    assert [int.from_bytes(record[name], "big") for name in ("source_port", "port")] == [1000, 80]
    assert counted(rig, 13) == (1, 0)


def test_an_answer_to_what_is_allowed_no_more_is_told_as_one(rig: Rig, ring: Ring) -> None:
    cloud(rig, Rule(ingress=True, family=4))
    assert both(rig, 11, tcp(1, 3)).drop is None
    flow = dict(rig.switch.tables["flows"].read())
    cloud(rig)
    rig.switch.tables["flows"].put(flow)
    assert rig.from_port(13, tcp(3, 1, port=1000, own=80, flags=18)).drop == Drop.EGRESS_POLICY
    (record,) = told(ring)
    assert (record["ifindex"], record["reply"]) == (13, 1)
    assert counted(rig, 13) == (0, 1)


def test_an_impostor_is_told_of_and_not_counted_as_a_policys(rig: Rig, ring: Ring) -> None:
    cloud(rig)
    forged = packets.frame((mac(1), "10.0.0.9"), (mac(2), addresses(2)[0]), 6, packets.tcp(1, 2))
    assert both(rig, 11, forged) == Verdict(drop=Drop.SPOOFED_ADDRESS)
    assert [Drop(record["reason"]) for record in told(ring)] == [Drop.SPOOFED_ADDRESS]
    assert counted(rig, 11) == (0, 0)


def test_ten_a_second_are_told_of_a_port_and_all_are_counted(rig: Rig, ring: Ring) -> None:
    cloud(rig)
    for port in range(1, 51):
        rig.from_port(11, tcp(1, 3, port))
    assert 10 <= len(told(ring)) < 50  # more than ten, if a second ends meanwhile
    assert counted(rig, 13) == (50, 0)
    rig.from_port(11, tcp(1, 6))
    assert [record["ifindex"] for record in told(ring)] == [16]
