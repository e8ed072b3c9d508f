"""The kernel's switch and the model of it agree about guests, packet by packet."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dataplane import packets
from tests.dataplane.guest_scenes import DOOR, OUTER
from tests.dataplane.guest_traffic import guest_scenes, visits
from tests.dataplane.rig import UPLINK, Rig, both, both_outside, both_overlay, both_own
from tests.dataplane.routed_scenes import NETWORKS, OTHER, REMOTE, Scene, addresses, at, gate, mac
from tests.dataplane.served_scenes import ends_of, owner, summed

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import unpack_address

quick = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
AFTER = ("", "answer", "answer", "again", "error", "complaint", "complaint")


@quick
@given(
    scene=guest_scenes(),
    traffic=st.lists(st.tuples(visits(), st.sampled_from(AFTER)), min_size=1, max_size=10),
)
def test_the_switch_takes_guests_in_as_its_model_does(
    rig: Rig, scene: Scene, traffic: list[tuple[tuple[str, bytes], str]]
) -> None:
    rig.set(*scene)
    for (who, frame), after in traffic:
        verdict = sent(rig, who, frame)
        if after == "again":
            sent(rig, who, frame)
        if after in ("answer", "error", "complaint") and verdict.frame:
            answer = back(rig, verdict.frame, after == "error")
            if after == "complaint" and answer and answer.frame:
                complain(rig, who, answer.frame)


def complain(rig: Rig, who: str, got: bytes) -> None:
    """The client, or a router before it, says that it was too big."""
    six = got[12:14] == b"\x86\xdd"
    if who == "outside":
        speaker = "2001:db8:9::1" if six else "198.51.100.254"
        both_outside(rig, packets.complaint(got, (OUTER, speaker), UPLINK))
    else:
        number = 1 if who == "pod" else DOOR
        frame = packets.complaint(got, at(number, six), gate(100, 0))
        both(rig, 10 + number, frame)


def sent(rig: Rig, who: str, frame: bytes) -> Verdict:
    if who == "outside":
        return both_outside(rig, frame)
    if who == "own":
        passed = both_own(rig, frame)
        return both(rig, 10 + DOOR, passed.frame) if passed.frame else passed
    return both(rig, 10 + DOOR if who == "door" else 11, frame)


def back(rig: Rig, got: bytes, refuses: bool) -> Verdict | None:
    """What the backend that has got this answers."""
    source, source_port, destination, port = ends_of(got)
    number, six, client = owner(destination), got[12:14] == b"\x86\xdd", unpack_address(source)
    if number is None:
        return None
    asks = owner(source)
    near = asks is not None and NETWORKS[asks] == NETWORKS[number]
    router = {2: 101}.get(NETWORKS[number], 100)
    to = mac(asks) if near and asks else gate(router, NETWORKS[number])
    protocol = got[20 if six else 23]
    body = packets.tcp(port, source_port, 18) if protocol == 6 else packets.udp(port, source_port)
    if refuses:
        kind = (1, 4) if six else (3, 3)
        body, protocol = packets.icmp(*kind)[:4] + bytes(4) + got[14:], 58 if six else 1
    if number not in REMOTE:
        frame = packets.frame(at(number, six), (to, client), protocol, body)
        return both(rig, 10 + number, summed(frame))
    if asks:
        voice = mac(number) if near else "02:70:6f:00:00:64"
        ends = (voice, addresses(number)[six]), (mac(asks), client)
        return both_overlay(rig, 7, OTHER, summed(packets.frame(*ends, protocol, body)))
    return None
