"""What a stranger can read: small files, small functions, names that say something."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "polpo"
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
BANNED = {"utils", "helpers", "common", "misc", "manager", "base", "core", "types"}


def modules() -> Iterator[Path]:
    return SOURCE.rglob("*.py")


def test_modules_are_one_idea_long() -> None:
    long = {str(p): n for p in modules() if (n := p.read_text().count("\n")) > LONGEST_MODULE}
    assert not long


def test_functions_fit_on_a_screen() -> None:
    long = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{path}:{node.lineno} {node.name}: {lines} lines")
    assert not long


def test_names_are_nouns_of_the_domain() -> None:
    named = {p.stem for p in modules()} | {p.name for p in SOURCE.rglob("*") if p.is_dir()}
    assert not {name for name in named if name in BANNED or name.endswith("_manager")}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(p)
        for p in modules()
        if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent
