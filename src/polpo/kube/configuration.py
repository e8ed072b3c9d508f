"""Where a cluster's API is, whom it is to believe us to be, and whom we believe to be it.

Files are named, not read, here: certificates and tokens are renewed while we run.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Any

import msgspec

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ConfigurationError(Exception):
    """What is wrong, where, in words for who wrote it."""


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """One API server and our credentials there.

    Of each pair of a file and its content (PEM), the content counts if there is one. `server_name`
    is what its certificate must be for, if not the address's host.
    """

    server: str
    ca_file: str = ""
    ca: bytes = b""
    certificate_file: str = ""
    certificate: bytes = b""
    key_file: str = ""
    key: bytes = b""
    token_file: str = ""
    token: str = ""
    username: str = ""
    password: str = ""
    server_name: str = ""
    insecure: bool = False
    namespace: str = "default"


def in_cluster(
    environment: dict[str, str] | None = None, account: Path = SERVICE_ACCOUNT
) -> Cluster:
    """As every pod finds it: two variables and the service account's files."""
    environment = dict(os.environ) if environment is None else environment
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise ConfigurationError(
            "not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; "
            "name an endpoint or a kubeconfig"
        )
    token = account / "token"
    if not token.is_file():
        raise ConfigurationError(f"no service account token at {token}")
    namespace = account / "namespace"
    return Cluster(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca_file=str(account / "ca.crt"),
        token_file=str(token),
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
    )


def from_kubeconfig(path: Path, context: str = "") -> Cluster:
    """`context`, or the file's current one. Paths are relative to the file, as for kubectl."""
    import yaml  # a pod needs none of it: 50 ms and 2 MB of its start

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"kubeconfig {path}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"kubeconfig {path}: is no mapping")
    context = context or content.get("current-context") or ""
    if not context:
        raise ConfigurationError(f"kubeconfig {path}: no context named and no current-context")
    chosen = _named(path, content, "contexts", "context", context)
    cluster = _named(path, content, "clusters", "cluster", chosen.get("cluster", ""))
    user = _named(path, content, "users", "user", chosen["user"]) if chosen.get("user") else {}
    return _cluster(path, cluster, user, chosen.get("namespace") or "default")


def _cluster(path: Path, cluster: dict[str, Any], user: dict[str, Any], namespace: str) -> Cluster:
    if not cluster.get("server"):
        raise ConfigurationError(f"kubeconfig {path}: the cluster has no server")
    for way in ("exec", "auth-provider"):
        if user.get(way):
            raise ConfigurationError(
                f"kubeconfig {path}: the user's {way!r} is not supported; use a token, "
                "a token file, a client certificate, or a name and password"
            )

    def file(of: dict[str, Any], key: str) -> str:
        return str(path.parent / of[key]) if of.get(key) else ""

    def data(of: dict[str, Any], key: str) -> bytes:
        try:
            return base64.b64decode(of.get(key) or "", validate=True)
        except binascii.Error as error:
            raise ConfigurationError(f"kubeconfig {path}: {key} is not base64") from error

    return Cluster(
        server=cluster["server"],
        ca_file=file(cluster, "certificate-authority"),
        ca=data(cluster, "certificate-authority-data"),
        certificate_file=file(user, "client-certificate"),
        certificate=data(user, "client-certificate-data"),
        key_file=file(user, "client-key"),
        key=data(user, "client-key-data"),
        token_file=file(user, "tokenFile"),
        token=user.get("token") or "",
        username=user.get("username") or "",
        password=user.get("password") or "",
        server_name=cluster.get("tls-server-name") or "",
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        namespace=namespace,
    )


def _named(path: Path, content: dict[str, Any], where: str, what: str, name: str) -> dict[str, Any]:
    """The entry of a kubeconfig's list of named ones."""
    for entry in content.get(where) or []:
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(what)
            return found if isinstance(found, dict) else {}
    raise ConfigurationError(f"kubeconfig {path}: no {what} is named {name!r}")
