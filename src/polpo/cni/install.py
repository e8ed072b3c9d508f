"""Writes the plugin and its configuration where a container runtime looks for them."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

NAME = "polpo"
CONFLIST = "10-polpo.conflist"
VERSION = "1.0.0"
"""Of the configuration: what containerd 1.6 and newer ones understand."""
SYSTEM = "/usr/bin/python3"
ANNOTATIONS = "io.kubernetes.cri.pod-annotations"
"""The capability by which runtimes hand on a pod's annotations."""
_DEFAULT = 'SOCKET = "/run/polpo/agent/cni.sock"\n'


def install(
    bin_dir: Path, conf_dir: Path, cluster: str, socket: Path, interpreter: str = ""
) -> None:
    """The plugin first: a runtime that finds the configuration uses it at once."""
    text = plugin(socket, interpreter or quick_interpreter())
    _write(bin_dir / NAME, text, 0o755)
    _write(conf_dir / CONFLIST, json.dumps(conflist(cluster), indent=2) + "\n", 0o644)


def plugin(socket: Path, interpreter: str) -> str:
    """Its text: isolated (-I), without site (-S), and it writes no bytecode (-B)."""
    source = Path(__file__).with_name("plugin.py").read_text()
    if _DEFAULT not in source:
        raise ValueError("the plugin does not say where its socket is")
    placed = source.replace(_DEFAULT, f"SOCKET = {json.dumps(str(socket))}\n")
    return f"#!{interpreter} -ISB\n{placed}"


def conflist(cluster: str) -> Mapping[str, object]:
    can = {"portMappings": True, "bandwidth": True, ANNOTATIONS: True}
    ours = {"type": NAME, "cluster": cluster, "capabilities": can}
    return {"cniVersion": VERSION, "name": NAME, "plugins": [ours]}


def quick_interpreter() -> str:
    """The system's, which starts fastest; else the one that runs this, not a link to it."""
    return SYSTEM if os.access(SYSTEM, os.X_OK) else os.path.realpath(sys.executable)


def _write(path: Path, text: str, mode: int) -> None:
    """Whole, or not at all."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.chmod(mode)
    unfinished.replace(path)
