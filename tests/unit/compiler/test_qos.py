"""Which QoS policy is a port's, and what its row says of it."""

import pytest

from polpo.compiler.qos import floating_policy, limits_of
from polpo.compiler.slices import all_slices
from polpo.compiler.view import View
from polpo.model.host import Host
from polpo.model.network import Network
from polpo.model.port import Port
from polpo.model.qos import (
    INGRESS,
    BandwidthLimit,
    DscpMarking,
    MinimumBandwidth,
    QosPolicy,
    QosRule,
)
from polpo.model.router import FloatingIP
from polpo.model.snapshot import Snapshot
from polpo.target import rows
from polpo.target.rows import FloatingLimits, Limit

HOST = Host(id="H", name="h", address="192.0.2.1", token_hash="t")
SLOW = QosPolicy(id="slow", rules=(BandwidthLimit("a", 1000, 300),))
VOICE = QosPolicy(id="voice", rules=(DscpMarking("b", 46), BandwidthLimit("c", 90, 0, INGRESS)))


def row(
    *policies: QosPolicy,
    port_has: str = "",
    network_has: str = "",
    owner: str = "",
    project: str = "",
) -> rows.Port:
    network = Network(id="N", vni=7, mtu=1450, qos_policy_id=network_has)
    port = Port(
        id="P",
        network_id="N",
        mac_address="02:00:00:00:00:01",
        host="h",
        qos_policy_id=port_has,
        device_owner=owner,
        project_id=project,
    )
    found = all_slices(Snapshot.of([HOST, network, port, *policies], 9))["host/h"]["port/P"]
    assert isinstance(found, rows.Port)
    return found


def ruled(*rules: QosRule) -> rows.Port:
    return row(QosPolicy(id="Q", rules=rules), port_has="Q")


def test_without_a_policy_there_is_neither_limit_nor_mark() -> None:
    port = row(SLOW, VOICE)
    assert (port.ingress, port.egress, port.dscp) == (None, None, None)


def test_a_ports_policy_counts_and_else_its_networks() -> None:
    assert row(SLOW, VOICE, port_has="slow", network_has="voice").egress == Limit(1000, 300)
    assert row(SLOW, VOICE, port_has="slow", network_has="voice").dscp is None
    inherited = row(SLOW, VOICE, network_has="voice")
    assert (inherited.ingress, inherited.egress, inherited.dscp) == (Limit(90, 72), None, 46)


@pytest.mark.parametrize("owner", ["network:dhcp", "network:router_interface", "neutron:x"])
def test_the_networks_policy_is_not_for_its_own_ports(owner: str) -> None:
    assert row(VOICE, network_has="voice", owner=owner).dscp is None
    assert row(VOICE, port_has="voice", owner=owner).dscp == 46


def test_no_user_leaves_the_networks_policy_by_calling_a_port_the_networks_own() -> None:
    port = row(VOICE, network_has="voice", owner="network:dhcp", project="shop")
    assert (port.ingress, port.dscp) == (Limit(90, 72), 46)


def test_a_burst_is_four_fifths_of_the_rate_unless_it_is_said() -> None:
    assert ruled(BandwidthLimit("a", 1000)).egress == Limit(1000, 800)
    assert ruled(BandwidthLimit("a", 1000, 5000)).egress == Limit(1000, 5000)


def test_a_limit_of_nothing_is_none() -> None:
    assert ruled(BandwidthLimit("a", 0)).egress is None


def test_a_mark_of_nought_is_one() -> None:
    assert ruled(DscpMarking("a", 0)).dscp == 0


def test_a_minimum_is_not_the_switchs() -> None:
    assert ruled(MinimumBandwidth("a", 1000)) == row()


def floating(*policies: QosPolicy, own: str = "", network_has: str = "") -> FloatingLimits | None:
    network = Network(id="E", vni=8, mtu=1500, external=True, qos_policy_id=network_has)
    ip = FloatingIP(
        id="F",
        floating_network_id="E",
        floating_ip_address="203.0.113.9",
        floating_port_id="P",
        qos_policy_id=own,
    )
    view = View(Snapshot.of([network, ip, *policies], 9))
    return limits_of(ip.floating_ip_address, floating_policy(view.snapshot, ip))


def test_a_floating_ips_policy_counts_and_else_its_external_networks() -> None:
    address = "203.0.113.9"
    own = FloatingLimits(address, egress=Limit(1000, 300))
    inherited = FloatingLimits(address, ingress=Limit(90, 72), dscp=46)
    assert floating(SLOW, VOICE, own="slow", network_has="voice") == own
    assert floating(SLOW, VOICE, network_has="voice") == inherited
    assert floating(SLOW, VOICE) is None


def test_a_policy_that_says_nothing_of_packets_is_none_for_a_floating_ip() -> None:
    assert floating(QosPolicy(id="Q", rules=(MinimumBandwidth("a", 1000),)), own="Q") is None
