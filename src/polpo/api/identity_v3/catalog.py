"""What the cloud offers and where: regions, services and endpoints, from configuration."""

from uuid import NAMESPACE_URL, uuid5

import msgspec

REGION = "RegionOne"
INTERFACES = ("public", "internal", "admin")


class Service(msgspec.Struct, frozen=True):
    """`path` is appended to the controller's public URL; an absolute URL stands for itself."""

    type: str
    name: str
    path: str
    description: str = ""

    @property
    def id(self) -> str:
        return _id("service", self.type)


SERVICES = (
    Service("identity", "polpo-identity", "/identity", "Who may do what"),
    Service("network", "polpo-network", "/networking", "Networks, ports, security groups"),
    Service("key-manager", "polpo-secrets", "/key-manager", "Keys and certificates"),
    Service("load-balancer", "octavia", "/load-balancer", "Load balancers"),
)


class Catalog(msgspec.Struct, frozen=True):
    public_url: str
    services: tuple[Service, ...] = SERVICES
    region: str = REGION

    def url(self, service: Service) -> str:
        return service.path if "://" in service.path else self.public_url + service.path

    def in_token(self) -> list[dict[str, object]]:
        """As it is in a token and at /v3/auth/catalog."""
        return [
            {
                "id": s.id,
                "type": s.type,
                "name": s.name,
                "endpoints": [self._endpoint(s, interface) for interface in INTERFACES],
            }
            for s in self.services
        ]

    def endpoints(self) -> list[dict[str, object]]:
        """As they are at /v3/endpoints."""
        return [
            {**self._endpoint(s, interface), "service_id": s.id, "enabled": True}
            for s in self.services
            for interface in INTERFACES
        ]

    def _endpoint(self, service: Service, interface: str) -> dict[str, object]:
        return {
            "id": _id(self.region, service.type, interface),
            "interface": interface,
            "region_id": self.region,
            "region": self.region,
            "url": self.url(service),
        }


def _id(*words: str) -> str:
    """The same on every replica and after every start."""
    return uuid5(NAMESPACE_URL, "polpo:" + "/".join(words)).hex
