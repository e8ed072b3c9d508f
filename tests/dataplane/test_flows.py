"""Connections: what belongs to one that was allowed passes, until it is allowed no more."""

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both
from tests.dataplane.scenes import ALL, VNI, addresses, mac, scene
from tests.dataplane.traffic import error_about

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import FLOW, Drop
from polpo.target.rows import GroupSet, Rule

OUT = tuple(rule for rule in ALL if not rule.ingress)
WEB = (*OUT, Rule(ingress=True, family=4, protocol=6, low=80, high=80))
CLIENT, SERVER = 1, 2
NUMBERS = {1: 1, 2: 2}
SYN, SYN_ACK, ACK, FIN = 2, 18, 16, 17
TO = {CLIENT: Verdict(port=11), SERVER: Verdict(port=12)}


def at(number: int) -> tuple[str, str]:
    return mac(number), addresses(number)[0]


def segment(sender: int, to: int, flags: int) -> bytes:
    ports = (1000, 80) if sender == CLIENT else (80, 1000)
    return packets.frame(at(sender), at(to), 6, packets.tcp(*ports, flags))


def send(rig: Rig, sender: int, to: int, flags: int) -> Verdict:
    return both(rig, 10 + sender, segment(sender, to, flags))


def connect(rig: Rig) -> None:
    assert send(rig, CLIENT, SERVER, SYN) == TO[SERVER]
    assert send(rig, SERVER, CLIENT, SYN_ACK) == TO[CLIENT]
    assert send(rig, CLIENT, SERVER, ACK) == TO[SERVER]


def move(rig: Rig, port: int, policy: int) -> None:
    """The port has another policy now, as when a rule of it is removed."""
    change(rig, {1: OUT, 2: WEB}, {**NUMBERS, port: policy})


def change(rig: Rig, policies: dict[int, tuple[Rule, ...]], numbers: dict[int, int]) -> None:
    """Other rows, the same flows."""
    kernels, models = rig.switch.tables["flows"].read(), rig.model.flows
    rig.set(*scene(policies, numbers))
    rig.switch.tables["flows"].put(kernels)
    rig.model.flows = models


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene({1: OUT, 2: WEB}, NUMBERS))


def test_answers_pass_where_nothing_is_let_in(rig: Rig) -> None:
    connect(rig)
    assert len(rig.switch.tables["flows"].read()) == 1, "one entry for both directions"


def test_what_is_not_an_answer_does_not(rig: Rig) -> None:
    assert send(rig, SERVER, CLIENT, SYN_ACK) == Verdict(drop=Drop.INGRESS_POLICY)


def test_a_connection_is_picked_up_in_the_middle(rig: Rig) -> None:
    assert send(rig, CLIENT, SERVER, ACK) == TO[SERVER]
    assert send(rig, SERVER, CLIENT, ACK) == TO[CLIENT]


def test_a_changed_policy_counts_at_once_for_both_directions(rig: Rig) -> None:
    connect(rig)
    move(rig, SERVER, 1)
    assert send(rig, CLIENT, SERVER, ACK) == Verdict(drop=Drop.INGRESS_POLICY)
    assert send(rig, SERVER, CLIENT, ACK) == Verdict(drop=Drop.EGRESS_POLICY)


def test_the_servers_data_does_not_revive_what_was_cut(rig: Rig) -> None:
    connect(rig)
    move(rig, SERVER, 1)
    for _ in range(3):
        assert send(rig, SERVER, CLIENT, ACK) == Verdict(drop=Drop.EGRESS_POLICY)
        assert send(rig, CLIENT, SERVER, ACK) == Verdict(drop=Drop.INGRESS_POLICY)


def test_what_was_cut_goes_on_when_it_is_allowed_again(rig: Rig) -> None:
    connect(rig)
    move(rig, SERVER, 1)
    assert send(rig, CLIENT, SERVER, ACK) == Verdict(drop=Drop.INGRESS_POLICY)
    move(rig, SERVER, 2)
    assert send(rig, SERVER, CLIENT, ACK) == TO[CLIENT]


def test_the_other_end_may_begin_anew_after_a_cut(rig: Rig) -> None:
    connect(rig)
    move(rig, SERVER, 1)
    assert send(rig, SERVER, CLIENT, ACK).drop
    change(rig, {3: ALL, 4: OUT}, {CLIENT: 3, SERVER: 4})
    assert send(rig, SERVER, CLIENT, ACK).drop
    assert send(rig, SERVER, CLIENT, SYN) == TO[CLIENT]
    assert send(rig, CLIENT, SERVER, SYN_ACK) == TO[SERVER]


def test_an_old_verdict_is_asked_for_again(rig: Rig) -> None:
    """The policy is the same, and the client is in the group no more that it lets in."""
    friends = (*OUT, Rule(ingress=True, family=4, protocol=6, low=80, high=80, group="red"))
    rig.set(*scene({1: OUT, 2: friends}, NUMBERS))
    connect(rig)
    slices, plugs = scene({1: OUT, 2: friends}, NUMBERS)
    left = [row for row in slices[f"network/{VNI}"] if not isinstance(row, GroupSet)]
    flows = rig.switch.tables["flows"].read()
    rig.set({**slices, f"network/{VNI}": [*left, GroupSet(number=1, groups=("green",))]}, plugs)
    rig.switch.tables["flows"].put({key: aged(value) for key, value in flows.items()})
    frame = segment(CLIENT, SERVER, ACK)
    assert rig.from_port(11, frame) == Verdict(drop=Drop.INGRESS_POLICY)


def aged(value: bytes) -> bytes:
    """The flow, last checked two seconds ago."""
    flow = FLOW.unpack(value)
    for half in ("egress", "ingress"):
        checked = int.from_bytes(flow[half][8:], "little") - 2 * 10**9
        flow[half] = flow[half][:8] + checked.to_bytes(8, "little")
    return FLOW.pack(*flow.values())


def test_a_time_that_another_cpu_wrote_a_little_later_is_no_expiry(rig: Rig) -> None:
    connect(rig)
    flows = rig.switch.tables["flows"]
    for key, value in flows.read().items():
        flow = FLOW.unpack(value)
        flow["seen"] += 10**8
        flows.put({key: FLOW.pack(*flow.values())})
    assert send(rig, SERVER, CLIENT, ACK) == TO[CLIENT]


def test_an_error_about_a_connection_passes_and_others_do_not(rig: Rig) -> None:
    connect(rig)
    told_off = segment(CLIENT, SERVER, ACK)
    assert both(rig, 12, error_about(told_off)) == TO[CLIENT]
    unheard_of = packets.frame(at(CLIENT), at(SERVER), 6, packets.tcp(9, 9))
    assert both(rig, 12, error_about(unheard_of)) == Verdict(drop=Drop.INGRESS_POLICY)


def test_an_identifier_does_not_let_the_other_sides_pings_in(rig: Rig) -> None:
    rig.set(*scene({1: OUT, 2: ALL}, NUMBERS))
    asked = packets.frame(at(CLIENT), at(SERVER), 1, packets.icmp(8))
    answered = packets.frame(at(SERVER), at(CLIENT), 1, packets.icmp(0))
    asked_back = packets.frame(at(SERVER), at(CLIENT), 1, packets.icmp(8))
    assert both(rig, 11, asked) == TO[SERVER]
    assert both(rig, 12, answered) == TO[CLIENT]
    assert both(rig, 12, asked_back) == Verdict(drop=Drop.INGRESS_POLICY)


def test_an_answer_is_made_for_a_known_address_only(rig: Rig) -> None:
    asks = packets.arp(mac(1), True, at(1), (mac(0), addresses(21)[0]))
    assert both(rig, 11, asks).answer is not None
    own = packets.arp(mac(1), True, (mac(1), "0.0.0.0"), (mac(0), addresses(1)[0]))
    assert both(rig, 11, own).copies is not None, "nobody says that one's own address is taken"
    probe = packets.frame(
        (mac(1), "::"), ("33:33:ff:00:00:02", "ff02::1:ff00:2"), 58, packets.nd(135, "fd00::2")
    )
    assert both(rig, 11, probe).answer is not None, "somebody else's is"
