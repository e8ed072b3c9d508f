"""Ingresses and what they need as their JSON, short to write."""

from __future__ import annotations

import base64
import functools
from typing import Any

from polpo.lab.kubernetes.certificates import self_signed
from polpo.testing.kubernetes.objects import Object, endpoints, service

NGINX = "nginx.ingress.kubernetes.io/"
OURS = "polpo.dev/ingress"


def ingress_class(name: str = "polpo", controller: str = OURS, default: bool = False) -> Object:
    key = "ingressclass.kubernetes.io/is-default-class"
    return {
        "kind": "IngressClass",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {"name": name, "annotations": {key: "true"} if default else {}},
        "spec": {"controller": controller},
    }


def ingress(name: str, *rules: str, namespace: str = "default", **of: Any) -> Object:
    """`rules` as in "host/path -> service:port", `=` before it for Exact, `~` for a regular
    expression; `tls` as in {"secret": [hosts]}; `nginx`: annotations by their short names;
    `born` in seconds of a day.
    """
    annotations = {NGINX + key.replace("_", "-"): v for key, v in of.get("nginx", {}).items()}
    tls = [{"secretName": s, "hosts": list(h)} for s, h in of.get("tls", {}).items()]
    spec: Object = {"ingressClassName": of.get("of", "polpo"), "rules": [_rule(r) for r in rules]}
    if tls:
        spec["tls"] = tls
    if "default" in of:
        spec["defaultBackend"] = _backend(of["default"])
    return {
        "kind": "Ingress",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": annotations | of.get("annotations", {}),
            "creationTimestamp": f"2026-11-27T10:00:{of.get('born', 0):02d}Z",
        },
        "spec": spec,
    }


def _rule(text: str) -> Object:
    where, _, to = text.partition(" -> ")
    kinds = {"=": "Exact", "~": "ImplementationSpecific"}
    kind = kinds.get(where[0], "Prefix")
    where = where.lstrip("=~")
    host, slash, path = where.partition("/")
    found = {"path": slash + path or "/", "pathType": kind, "backend": _backend(to)}
    return ({"host": host} if host else {}) | {"http": {"paths": [found]}}


def _backend(text: str) -> Object:
    name, _, port = text.partition(":")
    of = {"number": int(port)} if port.isdecimal() else {"name": port}
    return {"service": {"name": name, "port": of}}


def app(name: str, address: str, port: int, namespace: str = "default") -> list[Object]:
    """A Service (port 80, named http) and its one endpoint."""
    return [
        service(name, namespace, "10.254.0.1", ports="http:tcp:80"),
        endpoints(f"{name}-1", name, namespace, ports=f"http:tcp:{port}", addresses=[address]),
    ]


def secret(name: str, namespace: str = "default", type: str = "Opaque", **data: str) -> Object:
    """`data` with `_` for `.`."""
    coded = {k.replace("_", "."): base64.b64encode(v.encode()).decode() for k, v in data.items()}
    return {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace},
        "type": type,
        "data": coded,
    }


@functools.cache
def _pair(name: str, serial: int) -> tuple[str, str]:
    return self_signed(name)


def tls_secret(name: str, host: str, namespace: str = "default", serial: int = 0) -> Object:
    """`serial`: another certificate for the same name."""
    certificate, key = _pair(host, serial)
    return secret(name, namespace, "kubernetes.io/tls", tls_crt=certificate, tls_key=key)


def config_map(name: str, namespace: str = "default", **data: str) -> Object:
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key.replace("_", "-"): value for key, value in data.items()},
    }
