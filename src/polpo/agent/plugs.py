"""Which port goes where on this host: what local users asked for, kept on disk.

The target says what a port is; a plug says which namespace or tap it is for. A port is wired
when there are both.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from polpo.model.exposed import Exposed
from polpo.runtime.files import replace_file
from polpo.target.rows import Limit


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much it may receive and send; None for no limit."""

    ingress: Limit | None = None
    egress: Limit | None = None


class Pod(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose a pod's port is: `sandbox` is CNI_CONTAINERID, `name` <namespace>/<pod>, `uid` the
    pod's. `exposed` are ports of the host that lead to it; `limits` are its own, besides those of
    the port's QoS policy."""

    cluster: str
    sandbox: str
    name: str = ""
    uid: str = ""
    exposed: tuple[Exposed, ...] = ()
    limits: Limits = Limits()


class Plug(msgspec.Struct, frozen=True, omit_defaults=True):
    """One port's place.

    kind     netns: a veth pair into a namespace; tap: a tap device in the host's namespace
    netns    the namespace's name in /run/netns (kind netns)
    device   the device's name: inside the namespace, or the tap's own
    created  we made the namespace (or the tap): it is ours to make again and to remove
    here     its end is in the host's own namespace, which `netns` is a name of
    gateway  an end of a network function's instance: made by the agent, asked for by nobody
    pod      the pod that has it, if one has
    leaving  unplugged, but not all of it is removed yet: remembered until it is
    """

    port: str
    kind: Literal["netns", "tap"]
    device: str
    netns: str = ""
    created: bool = False
    here: bool = False
    gateway: bool = False
    leaving: bool = False
    pod: Pod | None = None


def own(port: str, name: str, device: str) -> Plug:
    """An end of an instance, in its own namespace."""
    return Plug(port=port, kind="netns", netns=name, device=device, created=True, gateway=True)


class SpoiltPlugs(Exception):
    """The file is not what we wrote. Which port goes where can't be guessed from anything else."""


class Plugs:
    """Port id -> plug. Each change is on disk before it is true.

    Pods do not outlive a reboot: their plugs are in a file that does not, either (`of_pods`), and
    costs no wait for a disk.
    """

    def __init__(self, path: Path, of_pods: Path | None = None) -> None:
        self._path, self._of_pods = path, of_pods
        self._plugs: dict[str, Plug] = {}

    def load(self) -> None:
        """A missing file is an empty one; a spoilt one raises SpoiltPlugs."""
        self._plugs = _read(self._path) | (_read(self._of_pods) if self._of_pods else {})

    def __iter__(self) -> Iterator[Plug]:
        return iter(list(self._plugs.values()))

    def get(self, port: str) -> Plug | None:
        return self._plugs.get(port)

    def put(self, plug: Plug) -> None:
        self._write({**self._plugs, plug.port: plug})

    def own(self, wanted: Iterable[Plug]) -> None:
        """All that the agent itself is to plug; what it had plugged besides leaves."""
        ports = {plug.port: plug for plug in wanted}
        gone = (plug for plug in self if plug.gateway and plug.port not in ports)
        leaving = {plug.port: msgspec.structs.replace(plug, leaving=True) for plug in gone}
        self._write({**self._plugs, **leaving, **ports})

    def remove(self, port: str) -> None:
        self._write({k: v for k, v in self._plugs.items() if k != port})

    def _write(self, plugs: dict[str, Plug]) -> None:
        if plugs == self._plugs:
            return
        before, after = self._parted(self._plugs), self._parted(plugs)
        for path, old, new in zip((self._path, self._of_pods), before, after, strict=True):
            if path is not None and old != new:
                replace_file(path, msgspec.json.encode(new))
        self._plugs = plugs

    def _parted(self, plugs: dict[str, Plug]) -> tuple[dict[str, Plug], dict[str, Plug]]:
        """What goes to each of the two files."""
        of_pods = {id: plug for id, plug in plugs.items() if plug.pod} if self._of_pods else {}
        return {id: plug for id, plug in plugs.items() if id not in of_pods}, of_pods


def _read(path: Path) -> dict[str, Plug]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Plug])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise SpoiltPlugs(
            f"{path} can't be read ({e}): put back a copy, or move it away and plug "
            "this host's ports again (traffic goes on meanwhile)"
        ) from e
