"""How commands print: tables and colour where people look, plain lines in pipes, JSON if asked."""

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)


def print_json(value: Any) -> None:
    """One JSON document, for machines."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; in a pipe plain lines, the first of names, cells separated by tabs."""
    if not console.is_terminal:
        for row in (columns, *rows):
            print("\t".join(Text.from_markup(cell).plain for cell in row))
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
