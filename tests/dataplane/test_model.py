"""The kernel's switch and the model of it agree, packet by packet."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dataplane.rig import UNKNOWN, Rig, both, both_overlay
from tests.dataplane.scenes import OTHER, Scene, scenes
from tests.dataplane.traffic import turns

WAYS = st.sampled_from(("port", "port", "port", "overlay"))
quick = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@quick
@given(scene=scenes(), traffic=st.lists(turns(), min_size=1, max_size=12), data=st.data())
def test_the_switch_does_what_its_model_does(
    rig: Rig, scene: Scene, traffic: list[list[tuple[int, bytes]]], data: st.DataObject
) -> None:
    rig.set(*scene)
    for turn in traffic:
        for sender, frame in turn:
            if sender in (21, 22) or data.draw(WAYS) == "overlay":
                vni = data.draw(st.sampled_from((7, 7, 7, 8)))
                both_overlay(
                    rig, vni, data.draw(st.sampled_from((OTHER, OTHER, "192.0.2.9"))), frame
                )
            else:
                both(rig, 10 + sender if 1 <= sender <= 6 else UNKNOWN, frame)
