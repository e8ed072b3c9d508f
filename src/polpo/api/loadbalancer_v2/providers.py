"""Who carries load balancers, and what may be said to them (Octavia API reference, "Providers")."""

from polpo.api.loadbalancer_v2 import kinds
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import forbidden
from polpo.model.load_balancer_kind import FlavorProfile, Profile, ZoneProfile


async def list_all(_call: Call) -> Answer:
    shown = [{"name": name, "description": text} for name, text in kinds.PROVIDERS.items()]
    return 200, {"providers": shown, "providers_links": []}


async def of_flavors(call: Call, provider: str) -> Answer:
    return 200, {"flavor_capabilities": _capabilities(call, provider, FlavorProfile)}


async def of_zones(call: Call, provider: str) -> Answer:
    return 200, {"availability_zone_capabilities": _capabilities(call, provider, ZoneProfile)}


def _capabilities(call: Call, provider: str, kind: type[Profile]) -> list[dict[str, str]]:
    if not call.context.is_admin:
        raise forbidden("capabilities")
    kinds.check_provider(provider)
    known = kinds.CAPABILITIES[kind]
    return [{"name": name, "description": text} for name, text in known.items()]
