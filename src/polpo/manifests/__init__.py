"""What runs in a cluster, for `kubectl apply`: deploy/kubernetes, with a cluster's values."""

from collections.abc import Iterable
from pathlib import Path
from string import Template

import msgspec

FOLDER = Path(__file__).with_name("kubernetes")


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """`api_host`, `api_port`: where the API server is without any Service; `image` is polpo's."""

    cluster: str
    image: str
    api_host: str
    api_port: int = 6443
    dns_address: str
    domain: str = "cluster.local"


def names() -> list[str]:
    """Of all that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def render(name: str, values: Values) -> str:
    """KeyError if the manifest has a value that there is not."""
    return Template((FOLDER / f"{name}.yaml").read_text()).substitute(msgspec.to_builtins(values))


def render_all(chosen: Iterable[str], values: Values) -> str:
    return "---\n".join(render(name, values) for name in chosen)
