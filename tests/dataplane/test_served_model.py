"""The kernel's switch and the model of it agree about services, packet by packet."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both, both_overlay
from tests.dataplane.routed_scenes import OTHER, REMOTE, Scene, at
from tests.dataplane.served_scenes import answering, ends_of, owner
from tests.dataplane.served_traffic import requests, served_scenes

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import unpack_mac

quick = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
AFTER = ("", "", "answer", "answer", "again", "error", "complaint", "complaint")


@quick
@given(
    scene=served_scenes(),
    traffic=st.lists(st.tuples(requests(), st.sampled_from(AFTER)), min_size=1, max_size=12),
)
def test_the_switch_serves_as_its_model_does(
    rig: Rig, scene: Scene, traffic: list[tuple[tuple[int, bytes], str]]
) -> None:
    rig.set(*scene)
    for (client, frame), after in traffic:
        verdict = both(rig, 10 + client, frame)
        if after == "again":
            both(rig, 10 + client, frame)
        if after in ("answer", "complaint") and verdict.frame:
            answer = answered(rig, client, verdict.frame)
            if after == "complaint" and answer and answer.frame:
                six, to = answer.frame[12:14] == b"\x86\xdd", unpack_mac(frame[:6])
                both(rig, 10 + client, packets.complaint(answer.frame, at(client, six), to))
        if after == "error" and verdict.frame:
            refuse(rig, client, verdict.frame)


def answered(rig: Rig, client: int, got: bytes) -> Verdict | None:
    back = answering(got, client)
    if back is None:
        return None
    port, vni, answer = back
    return both(rig, 10 + port, answer) if port else both_overlay(rig, vni, OTHER, answer)


def refuse(rig: Rig, client: int, got: bytes) -> None:
    """The backend refuses what it got."""
    number, six = owner(ends_of(got)[2]), got[12:14] == b"\x86\xdd"
    if number is None or number in REMOTE:
        return
    kind = (1, 4) if six else (3, 3)
    body = packets.icmp(*kind)[:4] + bytes(4) + got[14:]
    protocol = 58 if six else 1
    refused = packets.summed(packets.frame(at(number, six), at(client, six), protocol, body))
    both(rig, 10 + number, refused)
