"""What is in polpo's image."""

import marshal
from pathlib import Path

import polpo
from polpo.image import libraries, python
from polpo.image.layers import Entry


def test_it_has_what_polpo_needs_and_not_what_only_developers_do() -> None:
    names = {d.metadata["Name"].lower() for d in python.needed("polpo")}
    assert {"msgspec", "starlette", "sqlalchemy", "psycopg-binary"} <= names
    assert not {"pytest", "mypy", "ruff", "polpo"} & names


def test_a_module_comes_with_its_byte_code(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("X = 1\n")
    source, code = python.entries([("lib/m.py", tmp_path / "m.py")])
    assert source == Entry("lib/m.py", b"X = 1\n")
    assert code.path.startswith("lib/__pycache__/m.cpython-")
    assert code.content is not None
    found: dict[str, object] = {}
    exec(marshal.loads(code.content[16:]), found)
    assert found["X"] == 1


def test_what_is_no_python_comes_without(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("{{ template }")
    assert [e.path for e in python.entries([("m.py", tmp_path / "m.py")])] == ["m.py"]


def test_polpo_itself_is_in_it_with_the_switch() -> None:
    found = dict(python.package(Path(polpo.__file__).parent))
    source = f"{python.PACKAGES}/polpo/dataplane/switch"
    assert {f"{source}.bpf.c", f"{source}.bpf.o", f"{source}/tables.h"} <= found.keys()
    assert not [path for path in found if "__pycache__" in path]


def test_the_interpreter_is_linked_with_libraries_that_are_here() -> None:
    assert libraries.is_linked(python.interpreter())
    found = dict(libraries.libraries([python.interpreter()]))
    assert "libc.so.6" in found
    assert all(path.exists() for path in found.values())
    assert any(name.startswith("/") and "ld-" in name for name in found)
