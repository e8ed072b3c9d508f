"""tables.py and switch.bpf.c declare the same tables: compared by the object's BTF."""

import json
import struct
import subprocess
from typing import Any

import pytest
from tests.dataplane.rig import Rig

from polpo.dataplane.rings import DENIED_RING, RING
from polpo.dataplane.tables import TABLES, Drop, Layout
from polpo.kernel.bpf import OBJECT

Type = dict[str, Any]


def dump() -> dict[int, Type]:
    command = ["bpftool", "-j", "btf", "dump", "file", str(OBJECT)]
    done = subprocess.run(command, capture_output=True, check=True)
    return {entry["id"]: entry for entry in json.loads(done.stdout)["types"]}


BTF = dump()


def resolve(number: int) -> Type:
    """Through typedefs."""
    found = BTF[number]
    return resolve(found["type_id"]) if found["kind"] == "TYPEDEF" else found


def size(number: int) -> int:
    found = resolve(number)
    if found["kind"] == "ARRAY":
        return int(found["nr_elems"]) * size(found["type_id"])
    return int(found["size"])


def declared(name: str) -> Type:
    """The two types of a table: members of the variable's anonymous struct, pointers both."""
    variable = next(t for t in BTF.values() if t["kind"] == "VAR" and t["name"] == name)
    members = {m["name"]: m["type_id"] for m in resolve(variable["type_id"])["members"]}
    return {part: BTF[BTF[members[part]]["type_id"]] for part in ("key", "value")}


def offsets(layout: Layout) -> dict[str, int]:
    names, forms = list(layout.fields), list(layout.fields.values())
    return {
        name: struct.calcsize("=" + "".join(forms[:i]))
        for i, name in enumerate(names)
        if not forms[i].endswith("x")
    }


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("part", ["key", "value"])
def test_a_layout_is_that_of_the_program(name: str, part: str) -> None:
    layout: Layout = getattr(TABLES[name], part)
    found = declared(name)[part]
    assert found["name"] == layout.name
    assert size(found["id"]) == layout.size
    if found["kind"] == "STRUCT":
        members = {m["name"]: m["bits_offset"] // 8 for m in found["members"]}
        assert offsets(layout).items() <= members.items()
        padding = members.keys() - offsets(layout).keys()
        assert all(member.startswith("pad") for member in padding)


def test_the_reasons_to_drop_have_the_same_numbers() -> None:
    enum = next(t for t in BTF.values() if t["kind"] == "ENUM" and t["name"] == "reason")
    numbers = {v["name"]: v["val"] for v in enum["values"]}
    assert {reason.name: reason.value for reason in Drop} == {
        name: number for name, number in numbers.items() if name not in ("PASSED", "REASONS")
    }


def test_the_loaded_tables_are_all_declared(rig: Rig) -> None:
    assert rig.switch.tables.keys() - {"scratch", RING, DENIED_RING} == TABLES.keys()
