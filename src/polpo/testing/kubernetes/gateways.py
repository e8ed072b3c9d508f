"""Gateways and their routes as their JSON, short to write."""

from __future__ import annotations

from typing import Any

from polpo.ingress.gateway.compile import CONTROLLER
from polpo.testing.kubernetes.objects import Object

GROUP = "gateway.networking.k8s.io"


def made(kind: str, name: str, namespace: str = "default", born: int = 0, **spec: Any) -> Object:
    """`born` in seconds of a day; the newer is the younger."""
    meta: Object = {"name": name, "generation": 1, "uid": f"{kind}-{namespace}-{name}"}
    meta["creationTimestamp"] = f"2026-11-27T10:00:{born:02d}Z"
    if kind != "GatewayClass":
        meta["namespace"] = namespace
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": meta, "spec": spec}


def gateway_class(name: str = "polpo", controller: str = CONTROLLER) -> Object:
    return made("GatewayClass", name, controllerName=controller)


def listener(text: str, **of: Any) -> Object:
    """As in "HTTP:80", "HTTPS:443:*.example.com" or "TLS:443"; `of`: allowed, kinds, secret."""
    protocol, port, *host = text.split(":")
    found: Object = {"name": of.get("name", text.lower().replace(":", "-").replace("*", "any"))}
    found |= {"protocol": protocol, "port": int(port)} | ({"hostname": host[0]} if host else {})
    routes: Object = {"namespaces": of.get("allowed", {"from": "Same"})}
    if "kinds" in of:
        routes["kinds"] = [{"kind": kind} for kind in of["kinds"]]
    if protocol == "HTTPS":
        found["tls"] = {"mode": "Terminate", "certificateRefs": [_ref(of.get("secret", "cafe"))]}
    if protocol == "TLS":
        found["tls"] = {"mode": of.get("mode", "Passthrough")}
    return found | {"allowedRoutes": routes}


def gateway(name: str, *listeners: Object | str, **of: Any) -> Object:
    """`of`: namespace, born, more of the spec."""
    named = {key: of.pop(key) for key in ("namespace", "born") if key in of}
    spec = {"gatewayClassName": of.pop("of", "polpo")} | of
    spec["listeners"] = [listener(one) if isinstance(one, str) else one for one in listeners]
    return made("Gateway", name, **named, **spec)


def route(kind: str, name: str, parent: str, *rules: Object, **of: Any) -> Object:
    """`parent` as in "gateway", "namespace/gateway" or "gateway#listener"; `hosts`."""
    named = {key: of.pop(key) for key in ("namespace", "born") if key in of}
    where, _, section = parent.partition("#")
    ref = _ref(where) | ({"sectionName": section} if section else {})
    spec: Object = {"parentRefs": [ref], "rules": list(rules)}
    if "hosts" in of:
        spec["hostnames"] = list(of["hosts"])
    return made(kind, name, **named, **spec)


def rule(path: str, *to: str, **of: Any) -> Object:
    """`path` as in "/a" (a prefix), "=/a", "~/a.*"; `to` as in "service:port*weight" or
    "namespace/service:port"; `match` is more of the match, `of` more of the rule."""
    kinds = {"=": "Exact", "~": "RegularExpression"}
    kind, text = kinds.get(path[0], "PathPrefix"), path.lstrip("=~")
    match = {"path": {"type": kind, "value": text}} | of.pop("match", {})
    return {"matches": [match], "backendRefs": [backend(one) for one in to]} | of


def backend(text: str) -> Object:
    where, _, weight = text.partition("*")
    name, _, port = where.partition(":")
    return _ref(name) | {"port": int(port)} | ({"weight": int(weight)} if weight else {})


def grant(name: str, namespace: str, of: str, to: str) -> Object:
    """`of` as in "HTTPRoute default", `to` as in "Service" or "Secret cafe"."""
    kind, _, space = of.partition(" ")
    to_kind, _, to_name = to.partition(" ")
    target = {"group": "", "kind": to_kind} | ({"name": to_name} if to_name else {})
    source = {"group": GROUP, "kind": kind, "namespace": space}
    return made("ReferenceGrant", name, namespace) | {"spec": {"from": [source], "to": [target]}}


def tls_policy(name: str, service: str, config_map: str, host: str, **of: Any) -> Object:
    """`section`: of one port; `born`."""
    section = {"sectionName": of["section"]} if "section" in of else {}
    target = {"group": "", "kind": "Service", "name": service} | section
    ref = {"group": "", "kind": of.get("kind", "ConfigMap"), "name": config_map}
    validation = {"caCertificateRefs": [ref], "hostname": host}
    born = of.get("born", 0)
    return made("BackendTLSPolicy", name, born=born, targetRefs=[target], validation=validation)


def _ref(text: str) -> Object:
    namespace, _, name = text.rpartition("/")
    return {"name": name} | ({"namespace": namespace} if namespace else {})
