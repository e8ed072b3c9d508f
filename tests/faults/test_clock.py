"""A wall clock that jumps a month makes nobody lose anything."""

from pathlib import Path

from polpo.testing.controller_process import ControllerProcess, bulk, make_network
from polpo.testing.wall_clock import WallClock


def test_the_controller_goes_on_when_its_wall_clock_jumps(
    controller: ControllerProcess, tmp_path: Path
) -> None:
    clock = WallClock(tmp_path)
    session = controller.start(**clock.environment)
    network = make_network(session)
    years = set()
    for number, days in enumerate((30, -30, 400, 0)):
        clock.jump(days)
        made = bulk(session, network, f"p{number}", 2)  # a token that has expired is renewed
        years.add(made[0]["created_at"])
    assert len(years) == 4, "the clock did not jump: this test tests nothing"
    assert len(session.network("GET", "/ports", network_id=network)["ports"]) == 8
    controller.kill()
    again = controller.start()
    assert len(again.network("GET", "/ports", network_id=network)["ports"]) == 8
