"""What kinds of load balancers the cloud's admin offers: flavors, and zones to have them in.

Each is a name for a profile, which has the settings. They are the cloud's own, no project's.
"""

from typing import ClassVar

from polpo.model.object import Claim, IndexEntry, Owned


class Profile(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Settings of a provider: `data` is a JSON object, as text, as it was given."""

    provider_name: str
    data: str


class FlavorProfile(Profile, frozen=True, kw_only=True, omit_defaults=True):
    """`data` may say `loadbalancer_topology`, `memory_mib` and `access_log`."""

    kind: ClassVar[str] = "load_balancer_flavor_profile"


class ZoneProfile(Profile, frozen=True, kw_only=True, omit_defaults=True):
    """`data` may say `compute_zone`: the availability zone of hosts."""

    kind: ClassVar[str] = "load_balancer_zone_profile"


class Offer(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """What users choose. One that is not `enabled` is for nobody new."""

    profile_id: str
    enabled: bool = True

    def claims(self) -> tuple[Claim, ...]:
        return ((self.kind, self.name),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), ("profile", self.profile_id))


class Flavor(Offer, frozen=True, kw_only=True, omit_defaults=True):
    kind: ClassVar[str] = "load_balancer_flavor"


class Zone(Offer, frozen=True, kw_only=True, omit_defaults=True):
    """Known by its name."""

    kind: ClassVar[str] = "load_balancer_zone"
