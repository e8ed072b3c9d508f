"""How a program finds the API server and shows who it is. JSON is YAML."""

import json
from pathlib import Path

from polpo.lab.kubernetes.certificates import Pair


def kubeconfig(url: str, authority: Path, who: Pair) -> str:
    cluster = {"server": url, "certificate-authority": str(authority)}
    user = {"client-certificate": str(who.certificate), "client-key": str(who.key)}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "me", "user": user}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
            "current-context": "lab",
        },
        indent=2,
    )
