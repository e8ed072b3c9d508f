"""How what is made in the cloud is known as a Service's: by names and tags that need no memory.

Names are cloud-provider-openstack's, so that its load balancers are taken over as they are. A
cluster is known by the uid of its namespace kube-system: two may have one name.
"""

from __future__ import annotations

from polpo.cloud.objects import Service

SERVICE_PREFIX = "kube_service_"
CLUSTER_TAG, SERVICE_TAG = "kubernetes:cluster=", "kubernetes:service="
LONGEST = 255


def name_of(cluster: str, service: Service) -> str:
    meta = service.metadata
    return f"{SERVICE_PREFIX}{cluster}_{meta.namespace}_{meta.name}"[:LONGEST]


def tags_of(name: str, cluster_uid: str, service_uid: str) -> tuple[str, ...]:
    return (name, CLUSTER_TAG + cluster_uid, SERVICE_TAG + service_uid)


def service_of(tags: tuple[str, ...] | list[str]) -> str:
    """The uid in the tags; empty if none is."""
    found = (tag.removeprefix(SERVICE_TAG) for tag in tags if tag.startswith(SERVICE_TAG))
    return next(found, "")


def description_of(cluster: str, service: Service) -> str:
    text = f"Kubernetes external service {service.key} from cluster {cluster}"
    return text[:LONGEST]


def floating_description(cluster: str, service: Service) -> str:
    """By which a floating IP is known as one that we have made (and may take away)."""
    text = f"Floating IP for Kubernetes external service {service.key} from cluster {cluster}"
    return f"{text[: LONGEST - 40]} ({service.metadata.uid})"
