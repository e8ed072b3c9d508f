"""The table: objects and an option in, a question, and the whole of what is answered.

`questions/*.json` has it. "soa" stands for the zone's SOA record; sections that are left out are
empty, and an answer without rcode is NOERROR.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from polpo.testing.kubernetes.asked import Asked, Shown

TABLES = sorted((Path(__file__).parent / "questions").glob("*.json"))
SOA = "{zone} {ttl} SOA ns.dns.{zone} hostmaster.{zone} 1 7200 1800 86400 {ttl}"


def cases() -> list[Any]:
    """Each question of each table."""
    found: list[Any] = []
    for path in TABLES:
        table = json.loads(path.read_text())
        found += [
            pytest.param(table, case, id=f"{path.stem}: {case['ask']}")
            for case in table["questions"]
        ]
    return found


def expected(table: dict[str, Any], case: dict[str, Any]) -> Shown:
    ttl = table.get("ttl", 5)
    zone = case.get("zone", table.get("zone", "cluster.local."))
    soa = SOA.format(zone=zone, ttl=ttl)

    def lines(section: str) -> list[str]:
        return [soa if line == "soa" else line for line in case.get(section, [])]

    rcode = case.get("rcode", "NOERROR")
    return Shown(rcode, lines("answer"), lines("authority"), lines("additional"))


@pytest.mark.parametrize(("table", "case"), cases())
def test_each_question_has_its_answer(table: dict[str, Any], case: dict[str, Any]) -> None:
    asked = Asked(
        table["corefile"],
        table["objects"],
        addresses=table.get("addresses", ()),
        elsewhere=table.get("elsewhere", {}),
        synced=table.get("synced", True),
    )
    assert asked.shown(case["ask"]) == expected(table, case)
