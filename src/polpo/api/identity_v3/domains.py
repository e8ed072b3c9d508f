"""/v3/domains: names of users and projects are unique within one."""

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from polpo.api.identity_v3.bootstrap import DOMAIN, new_id
from polpo.api.identity_v3.call import Call, answer, empty
from polpo.api.identity_v3.errors import Forbidden
from polpo.api.identity_v3.fields import ShortName, Text, member
from polpo.api.identity_v3.listing import filtered, found, listing
from polpo.api.identity_v3.removal import remove_domain
from polpo.model.identity import Domain
from polpo.store.transaction import Transaction


class _New(msgspec.Struct):
    name: ShortName
    description: Text | None = None
    enabled: bool = True


class _Change(msgspec.Struct):
    name: ShortName | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


async def list_domains(call: Call) -> Response:
    domains = filtered(call, call.snapshot.all(Domain), "name", "enabled", "id")
    return listing(call, "domains", [domain_view(call, d) for d in domains])


async def get_domain(call: Call) -> Response:
    domain = found(call.snapshot, Domain, call.part("domain_id"))
    return answer({"domain": domain_view(call, domain)})


async def create_domain(call: Call) -> Response:
    new = member(await call.body(), "domain", _New)
    domain = Domain(
        id=new_id(), name=new.name, description=new.description or "", enabled=new.enabled
    )
    stored = await call.write(lambda tx: tx.put(domain))
    return answer({"domain": domain_view(call, stored)}, 201)


async def update_domain(call: Call) -> Response:
    change = member(await call.body(), "domain", _Change)
    if change.description is None:
        change.description = ""
    values = {n: v for n, v in msgspec.structs.asdict(change).items() if v is not UNSET}
    id = call.part("domain_id")

    def act(tx: Transaction) -> Domain:
        return tx.put(msgspec.structs.replace(found(tx.snapshot, Domain, id), **values))

    return answer({"domain": domain_view(call, await call.write(act))})


async def delete_domain(call: Call) -> Response:
    id = call.part("domain_id")

    def act(tx: Transaction) -> None:
        domain = found(tx.snapshot, Domain, id)
        if id == DOMAIN:
            raise Forbidden("Cannot delete the default domain.")
        if domain.enabled:
            raise Forbidden("Cannot delete a domain that is enabled, please disable it first.")
        remove_domain(tx, domain)

    await call.write(act)
    return empty()


def domain_view(call: Call, domain: Domain) -> dict[str, object]:
    return {
        "id": domain.id,
        "name": domain.name,
        "description": domain.description,
        "enabled": domain.enabled,
        "tags": [],
        "options": {},
        "links": {"self": call.url(f"/domains/{domain.id}")},
    }
