"""What a node is told about the machine that it is."""

from typing import Any

import msgspec
import pytest

from polpo.cloud import machines
from polpo.cloud.machines import Machine
from polpo.cloud.members import UNINITIALIZED
from polpo.cloud.nodes import concerns, spec_of, status_of
from polpo.cloud.objects import Node

WAITS = {"key": UNINITIALIZED, "value": "true", "effect": "NoSchedule"}
MACHINE = Machine("polpo:///hosts/n1", (("InternalIP", "192.0.2.1"), ("Hostname", "n1")))


def node(**spec: Any) -> Node:
    meta = {"name": "n1", "resourceVersion": "7"}
    return msgspec.convert({"metadata": meta, "spec": spec}, Node)


@pytest.mark.parametrize(
    ("spec", "ours"),
    [
        ({}, False),
        ({"taints": [WAITS]}, True),
        ({"providerID": "polpo:///hosts/n1"}, True),
        ({"providerID": "aws:///i-1"}, False),
    ],
)
def test_only_nodes_that_wait_or_that_are_ours_are_touched(
    spec: dict[str, Any], ours: bool
) -> None:
    assert concerns(node(**spec)) == ours


def test_a_node_that_waits_is_told_and_keeps_its_other_taints() -> None:
    other = {"key": "dedicated", "effect": "NoExecute", "value": "gpu"}
    waiting = node(taints=[WAITS, other])
    assert spec_of(waiting, MACHINE) == {
        "metadata": {"resourceVersion": "7"},
        "spec": {"providerID": "polpo:///hosts/n1", "taints": [other]},
    }
    assert status_of(waiting, MACHINE) == {
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.1"},
                {"type": "Hostname", "address": "n1"},
            ]
        }
    }


def test_a_node_that_knows_is_told_nothing() -> None:
    assert spec_of(node(providerID="polpo:///hosts/n1"), MACHINE) is None


def test_ports_say_a_machines_addresses_and_which_server_it_is() -> None:
    server = "6f0e2a3c-9f1b-4c55-8d4f-111111111111"
    fixed = [{"ip_address": "fd00::5"}, {"ip_address": "10.0.0.5"}]
    ports = [{"id": "p", "device_id": server, "fixed_ips": fixed}]
    found = machines.of_ports("n1", ports, [{"floating_ip_address": "203.0.113.5"}])
    assert found == Machine(
        f"openstack:///{server}",
        (
            ("InternalIP", "10.0.0.5"),
            ("InternalIP", "fd00::5"),
            ("ExternalIP", "203.0.113.5"),
            ("Hostname", "n1"),
        ),
    )
    bare = machines.of_ports("n1", [{"id": "p", "device_id": "", "fixed_ips": fixed}], [])
    assert bare.provider_id == "polpo:///ports/p"
