"""What runs in the cluster besides Kubernetes: one file each, started in this order.

A new one is a module with a `COMPONENT`, and its place in `COMPONENTS`.
"""

from polpo.lab.kubernetes.components import cloud, controllers, dns, ingress
from polpo.lab.kubernetes.components.component import Component

COMPONENTS: tuple[Component, ...] = (
    controllers.COMPONENT,
    dns.COMPONENT,
    cloud.COMPONENT,
    ingress.COMPONENT,
)
