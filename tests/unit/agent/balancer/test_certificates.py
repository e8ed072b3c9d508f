"""Certificates that are asked of the controller: what is said of a load balancer meanwhile."""

from pathlib import Path

from msgspec.structs import replace
from tests.unit.agent.balancer.test_exposition import ROW

from polpo.agent.balancer.certificates import Certificates
from polpo.agent.controller import Controller, Unreachable
from polpo.agent.patience import Waiting
from polpo.target.balancer import Certificate

CERTIFICATE = Certificate("https://cloud/secrets/1", "ab" * 32)
TREE = replace(ROW, certificates=(CERTIFICATE,))


class Silent(Controller):
    """Answers when it is `there`."""

    def __init__(self) -> None:
        self.there = False

    async def certificate(self, ref: str, digest: str) -> bytes:
        if not self.there:
            raise Unreachable
        return b"pem"


async def test_a_new_one_is_on_its_way_and_missed_only_when_nobody_answers(tmp_path: Path) -> None:
    controller, came = Silent(), list[bool]()
    found = Certificates(tmp_path, lambda: came.append(True))
    assert isinstance(found.trouble(TREE), Waiting)
    assert not await found.fetch(controller, {1: TREE})
    missed = found.trouble(TREE)
    assert missed
    assert not isinstance(missed, Waiting)
    controller.there = True
    assert await found.fetch(controller, {1: TREE})
    assert found.trouble(TREE) is None
    assert came == [True]
