"""`polpo image`: a container image of this installation."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from polpo.cli.output import console


def image(
    path: Path,
    *,
    tag: Annotated[tuple[str, ...], Parameter(negative=())] = ("polpo:latest",),
) -> None:
    """Write a container image of this very installation: Python, polpo, HAProxy.

    `ctr --namespace k8s.io images import`, `docker load`, `podman load` and
    `skopeo copy docker-archive:…` read it. Its programs are polpo's: `dns`, `services`, `policy`...

    Parameters
    ----------
    path
        Of the file to write, a tar.
    tag
        The image's name, more than once for several.
    """
    from polpo.image import build

    build.build(path, tag, build.cache())
    size_mb = path.stat().st_size / 1e6
    console.print(f"{path} ({size_mb:.0f} MB): {', '.join(tag)}", soft_wrap=True, highlight=False)
