"""Kubernetes objects as their JSON, short to write."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def _meta(name: str, namespace: str = "", **more: Any) -> Object:
    meta: Object = {"name": name} | ({"namespace": namespace} if namespace else {})
    return meta | {key: value for key, value in more.items() if value}


def namespace(name: str, **labels: str) -> Object:
    return {"kind": "Namespace", "apiVersion": "v1", "metadata": _meta(name, labels=labels)}


def service(
    name: str, namespace: str = "default", *addresses: str, ports: str = "", **spec: Any
) -> Object:
    """`addresses` are clusterIPs ("None" for headless); `ports` as in "http:tcp:80 dns:udp:53"."""
    labels = spec.pop("labels", None)
    if addresses:
        spec |= {"clusterIP": addresses[0], "clusterIPs": list(addresses)}
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": _meta(name, namespace, labels=labels),
        "spec": {"type": "ClusterIP", "ports": _ports(ports)} | spec,
    }


def external(name: str, target: str, namespace: str = "default") -> Object:
    """A Service of type ExternalName."""
    return service(name, namespace, type="ExternalName", externalName=target)


def endpoints(
    name: str, service: str, namespace: str = "default", *, ports: str = "", **of: Any
) -> Object:
    """An EndpointSlice; `of`: `addresses` (all ready), or `endpoints` as in the API; `labels`."""
    made = [{"addresses": [address]} for address in of.get("addresses", ())]
    listed = [*made, *of.get("endpoints", ())]
    labels = {"kubernetes.io/service-name": service} | of.get("labels", {})
    first = listed[0]["addresses"][0] if listed else ""
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": _meta(name, namespace, labels=labels, annotations=of.get("annotations")),
        "addressType": "IPv6" if ":" in first else "IPv4",
        "endpoints": listed or None,
        "ports": _ports(ports) or None,
    }


def pod(name: str, address: str, namespace: str = "default", **status: Any) -> Object:
    running = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": _meta(name, namespace),
        "status": running | status,
    }


def _ports(text: str) -> list[Object]:
    """`name:protocol:port` each; an empty name is none."""
    ports = []
    for part in text.split():
        name, protocol, port = part.split(":")
        named = {"name": name} if name else {}
        ports.append(named | {"protocol": protocol.upper(), "port": int(port)})
    return ports


def labelled_pod(
    name: str, namespace: str = "default", *, ports: str = "", **labels: str
) -> Object:
    """A pod before anybody has looked at it; `ports` as a Service's, of its one container."""
    named = [
        {"containerPort" if key == "port" else key: value for key, value in port.items()}
        for port in _ports(ports)
    ]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": _meta(name, namespace, labels=labels),
        "spec": {"containers": [{"name": "main", "ports": named}]},
    }


def cluster_policy(name: str, tier: str = "Admin", priority: int = 0, **spec: Any) -> Object:
    """A ClusterNetworkPolicy, of all pods if `spec` says no `subject`."""
    return {
        "kind": "ClusterNetworkPolicy",
        "apiVersion": "policy.networking.k8s.io/v1beta1",
        "metadata": {"name": name},
        "spec": {"tier": tier, "priority": priority, "subject": {"namespaces": {}}} | spec,
    }


def admin_policy(name: str, priority: int = 0, **spec: Any) -> Object:
    """An AdminNetworkPolicy of all pods; the baseline if its name is `default`."""
    baseline = name == "default"
    return {
        "kind": f"{'Baseline' if baseline else ''}AdminNetworkPolicy",
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "metadata": {"name": name},
        "spec": ({} if baseline else {"priority": priority})
        | {"subject": {"namespaces": {}}}
        | spec,
    }


def node(name: str, *addresses: str, **labels: str) -> Object:
    told = [{"type": "InternalIP", "address": address} for address in addresses]
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": name, "labels": labels},
        "status": {"addresses": told},
    }


def policy(name: str, namespace: str = "default", **spec: Any) -> Object:
    """A NetworkPolicy, of all pods of its namespace if `spec` says no `podSelector`."""
    return {
        "kind": "NetworkPolicy",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": _meta(name, namespace),
        "spec": {"podSelector": {}} | spec,
    }
