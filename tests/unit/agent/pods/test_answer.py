"""What the plugin prints, in the form that was asked for."""

from typing import Any

import pytest

from polpo.agent.addressing import Address
from polpo.agent.plugging import Plugged
from polpo.agent.pods import answer
from polpo.agent.pods.call import Call, CniError, Config

SIX = Address("fd00::5", 64, gateway="fd00::1")
FOUR = Address("10.0.0.5", 24, gateway="10.0.0.1", routes=(("10.9.0.0/16", "10.0.0.2"),))
PLUGGED = Plugged(
    port="12345678-1234-4000-8000-000000000000",
    device="eth0",
    netns="cni-1",
    mac="fa:16:3e:00:00:05",
    mtu=1450,
    leases=(SIX, FOUR),
)


def call(version: str = "1.0.0", before: Any = None) -> Call:
    config = Config(cni_version=version, prev_result=before)
    return Call(command="ADD", config=config, container="c", device="eth0", path="/run/netns/cni-1")


def test_a_result_names_both_ends_and_ipv4_first() -> None:
    result = answer.result(call(), PLUGGED)
    assert result["interfaces"] == [
        {"name": "pp12345678123"},
        {"name": "eth0", "mac": "fa:16:3e:00:00:05", "sandbox": "/run/netns/cni-1"},
    ]
    assert result["ips"] == [
        {"interface": 1, "address": "10.0.0.5/24", "gateway": "10.0.0.1"},
        {"interface": 1, "address": "fd00::5/64", "gateway": "fd00::1"},
    ]
    assert result["routes"] == [
        {"dst": "10.9.0.0/16", "gw": "10.0.0.2"},
        {"dst": "0.0.0.0/0", "gw": "10.0.0.1"},
        {"dst": "::/0", "gw": "fd00::1"},
    ]


def test_older_forms_say_the_family_and_newer_ones_the_mtu() -> None:
    assert [ip["version"] for ip in answer.result(call("0.4.0"), PLUGGED)["ips"]] == ["4", "6"]
    assert answer.result(call("1.1.0"), PLUGGED)["interfaces"][1]["mtu"] == 1450


def test_what_plugins_before_us_made_stays_where_it_is() -> None:
    before = {"interfaces": [{"name": "a"}], "ips": [{"interface": 0, "address": "192.0.2.1/32"}]}
    result = answer.result(call(before=before), PLUGGED)
    assert result["interfaces"][0] == {"name": "a"}
    assert [ip["interface"] for ip in result["ips"]] == [0, 2, 2]


def test_a_pod_that_has_what_was_said_is_well() -> None:
    answer.check(call(before=answer.result(call(), PLUGGED)), PLUGGED)
    answer.check(call(), PLUGGED)


def test_a_pod_that_has_something_else_is_not() -> None:
    said = answer.result(call(), PLUGGED)
    said["ips"].pop()
    with pytest.raises(CniError, match="fd00::5"):
        answer.check(call(before=said), PLUGGED)
