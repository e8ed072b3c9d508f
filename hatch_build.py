"""Compiles the switch (eBPF, C) when the package is installed: hatchling's custom build hook."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src/polpo/dataplane/switch.bpf.c")


class CompileSwitch(BuildHookInterface):  # type: ignore[type-arg]
    """`clang -target bpf`, with BTF, so that map layouts can be checked against tables.py."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":  # the sdist carries the source only
            return
        source = Path(self.root) / SOURCE
        target = source.with_suffix(".o")
        machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True)
        include = f"/usr/include/{machine.stdout.strip()}-linux-gnu"
        command = ["clang", "-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-I", include]
        try:
            subprocess.run([*command, "-c", str(source), "-o", str(target)], check=True)
        except FileNotFoundError:
            raise SystemExit("clang is missing: apt-get install clang libbpf-dev") from None
        build_data["force_include"][str(target)] = "polpo/dataplane/switch.bpf.o"
