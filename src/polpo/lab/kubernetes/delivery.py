"""Images into each node's containerd, while the API server starts."""

from pathlib import Path

from polpo.lab.command import attempt, inside
from polpo.lab.kubernetes.image import BOX, PAUSE, polpo_of_now, write_boxes, write_polpo
from polpo.lab.kubernetes.layout import Kubernetes, Node
from polpo.lab.kubernetes.node import ctr
from polpo.lab.kubernetes.programs import Programs
from polpo.lab.running import Running

PATIENCE_S = 120.0


class Delivery:
    """`polpo` is the name of the image that has polpo as it is now."""

    def __init__(self, at: Kubernetes, programs: Programs, running: Running) -> None:
        self._at, self._programs, self._running = at, programs, running
        self.polpo = polpo_of_now()

    def begin(self) -> None:
        """What is not there yet is made, and on its way."""
        wanted = {"boxes": {BOX, PAUSE}, "polpo": {self.polpo}}
        for node in self._at.nodes:
            self._running.until(lambda n=node: self._answers(n), f"containerd-{node.name}")  # type: ignore[misc]
            there = self._there(node)
            for archive, names in wanted.items():
                if not names <= there:
                    self._write(archive)
                    self._running.start(
                        f"import-{archive}-{node.name}", self._import(node, archive)
                    )

    def finish(self) -> None:
        """What was imported is there, and the archives are not."""
        wanted = {BOX, PAUSE, self.polpo}
        for node in self._at.nodes:
            name = f"containerd-{node.name}"
            self._running.until(lambda n=node: wanted <= self._there(n), name, PATIENCE_S)  # type: ignore[misc]
        for archive in ("boxes", "polpo"):
            self._path(archive).unlink(missing_ok=True)

    def _write(self, archive: str) -> None:
        path = self._path(archive)
        if path.exists():
            return
        if archive == "boxes":
            write_boxes(path, self._programs["busybox"])
        else:
            write_polpo(path)

    def _path(self, archive: str) -> Path:
        return self._at.folder / f"{archive}.tar"

    def _import(self, node: Node, archive: str) -> tuple[str, ...]:
        words = (*ctr(node, self._programs), "images", "import", str(self._path(archive)))
        return inside(node.host.netns, *words)

    def _answers(self, node: Node) -> bool:
        return attempt(*ctr(node, self._programs), "version")[0] == 0

    def _there(self, node: Node) -> set[str]:
        _, said = attempt(*ctr(node, self._programs), "images", "list", "--quiet")
        return set(said.split())
