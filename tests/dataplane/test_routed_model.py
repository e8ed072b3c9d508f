"""The kernel's switch and the model of it agree about routers, packet by packet."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dataplane.rig import Rig, both, both_overlay
from tests.dataplane.routed_scenes import OTHER, Scene
from tests.dataplane.routed_traffic import Turn, routed_scenes, routed_turns

quick = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@quick
@given(scene=routed_scenes(), traffic=st.lists(routed_turns(), min_size=1, max_size=12))
def test_the_switch_routes_as_its_model_does(
    rig: Rig, scene: Scene, traffic: list[list[Turn]]
) -> None:
    rig.set(*scene)
    for sender, vni, frame in (step for turn in traffic for step in turn):
        if sender:
            both(rig, 10 + sender, frame)
        else:
            both_overlay(rig, vni, OTHER, frame)
