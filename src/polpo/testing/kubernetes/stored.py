"""What the small API server keeps: objects, revisions, and the history that a watch may ask for."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from polpo.kube.selectors import matches, parse
from polpo.testing.kubernetes.objects import Object

CLUSTER_WIDE = {
    *("namespaces", "nodes", "servicecidrs", "clusternetworkpolicies"),
    *("adminnetworkpolicies", "baselineadminnetworkpolicies"),
    *("ingressclasses", "gatewayclasses"),
}
PLURALS = {
    "Namespace": "namespaces",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "Pod": "pods",
    "ServiceImport": "serviceimports",
    "ConfigMap": "configmaps",
    "Event": "events",
    "Lease": "leases",
    "Ingress": "ingresses",
    "NetworkPolicy": "networkpolicies",
    "ClusterNetworkPolicy": "clusternetworkpolicies",
    "AdminNetworkPolicy": "adminnetworkpolicies",
    "BaselineAdminNetworkPolicy": "baselineadminnetworkpolicies",
    "Node": "nodes",
    "ServiceCIDR": "servicecidrs",
    "IngressClass": "ingressclasses",
    "Secret": "secrets",
    "GatewayClass": "gatewayclasses",
    "Gateway": "gateways",
    "HTTPRoute": "httproutes",
    "GRPCRoute": "grpcroutes",
    "TLSRoute": "tlsroutes",
    "ReferenceGrant": "referencegrants",
    "BackendTLSPolicy": "backendtlspolicies",
}


class Failure(Exception):
    """An answer that is none of success."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason


class Entry(NamedTuple):
    revision: int
    plural: str
    type: str
    object: Object


class Stored:
    """Keys are (plural, namespace, name)."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.history: list[Entry] = []
        self.revision = 1
        self.oldest = 1  # revisions before it are forgotten

    def put(self, given: Object) -> Object:
        """Make or replace one."""
        plural = PLURALS[given["kind"]]
        stored = copy.deepcopy(given)
        meta = stored["metadata"]
        where = (plural, meta.get("namespace", ""), meta["name"])
        old = self.objects.get(where)
        self.revision += 1
        meta["resourceVersion"] = str(self.revision)
        meta["uid"] = old["metadata"]["uid"] if old else f"uid-{self.revision}"
        self.objects[where] = stored
        self._note(plural, "MODIFIED" if old else "ADDED", stored)
        return stored

    def remove(self, given: Object) -> Object:
        meta = given["metadata"]
        plural = PLURALS[given["kind"]]
        stored = self.objects.pop((plural, meta.get("namespace", ""), meta["name"]))
        self.revision += 1
        gone = copy.deepcopy(stored)
        gone["metadata"]["resourceVersion"] = str(self.revision)
        self._note(plural, "DELETED", gone)
        return gone

    def one(self, plural: str, namespace: str, name: str) -> Object:
        found = self.objects.get((plural, namespace, name))
        if found is None:
            raise Failure(404, "NotFound", f'{plural} "{name}" not found')
        return found

    def all(self, plural: str, namespace: str, selector: str) -> list[Object]:
        """In the order of namespaces and names, as the real one lists."""
        chosen = sorted(where for where in self.objects if where[0] == plural)
        found = [self.objects[where] for where in chosen if namespace in ("", where[1])]
        return [item for item in found if selected(item, selector)]

    def since(self, revision: int, plural: str) -> list[Entry]:
        """What has happened after a revision. Raises Failure(410) where that is forgotten."""
        if revision < self.oldest:
            raise Failure(410, "Expired", f"too old resource version: {revision} ({self.oldest})")
        late = [entry for entry in self.history if entry.revision > revision]
        return [entry for entry in late if entry.plural == plural]

    def forget(self) -> None:
        """As etcd's compaction does."""
        self.history.clear()
        self.revision += 1
        self.oldest = self.revision

    def _note(self, plural: str, type: str, object: Object) -> None:
        self.history.append(Entry(self.revision, plural, type, object))


def selected(item: Object, selector: str) -> bool:
    return matches(parse(selector), item["metadata"].get("labels"))


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
