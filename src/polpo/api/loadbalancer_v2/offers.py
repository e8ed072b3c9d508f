"""Flavors, availability zones and their profiles (Octavia API reference): the admin's offers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import kinds
from polpo.api.loadbalancer_v2.errors import immutable, invalid
from polpo.api.loadbalancer_v2.fields import LONGEST, optional, printable
from polpo.api.network_v2 import collection, values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, Table, child_table, read_child
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import forbidden
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.model.load_balancer import LoadBalancer
from polpo.model.load_balancer_kind import Flavor, FlavorProfile, Offer, Profile, Zone, ZoneProfile
from polpo.model.snapshot import Snapshot


class Kind(msgspec.Struct, frozen=True):
    """
    offer, profile  the two models
    reference       what the offer's JSON calls its profile
    data            what the profile's JSON calls its settings
    used            by which index and which field of the offer its load balancers are found
    """

    offer: type[Offer]
    profile: type[Profile]
    reference: str
    data: str
    used: tuple[str, str]


FLAVORS = Kind(Flavor, FlavorProfile, "flavor_profile_id", "flavor_data", ("flavor", "id"))
ZONES = Kind(
    Zone,
    ZoneProfile,
    "availability_zone_profile_id",
    "availability_zone_data",
    ("availability_zone", "name"),
)
TEXT = values.text(4096)


def _profile_table(kind: Kind, name: str) -> Table:
    return child_table(
        name,
        {
            "name": Attribute(kind=printable(), default=REQUIRED, field="name"),
            "provider_name": Attribute(kind=TEXT, default=REQUIRED, field="provider_name"),
            kind.data: Attribute(kind=TEXT, default=REQUIRED, field="data"),
        },
    )


def _offer_table(kind: Kind, name: str) -> Table:
    return child_table(
        name,
        {
            "name": Attribute(
                kind=printable(), default=REQUIRED, put=kind is FLAVORS, field="name"
            ),
            "description": optional(values.text(LONGEST), "", field="description"),
            "enabled": optional(values.boolean(), True, field="enabled"),
            kind.reference: Attribute(
                kind=values.uuid(), default=REQUIRED, put=False, field="profile_id"
            ),
        },
    )


def _profiles(kind: Kind, member: str, path: str, many: str = "") -> Resource:
    def create(w: Writing, given: dict[str, Any]) -> Profile:
        given["data"] = given.pop(kind.data)
        kinds.settings(kind.profile, given["provider_name"], given["data"])
        return w.tx.put(kind.profile(id=new_id(), **given))

    def update(w: Writing, profile: Profile, given: dict[str, Any]) -> Profile:
        if kind.data in given:
            given["data"] = given.pop(kind.data)
        after = changed(profile, given)
        if (after.data, after.provider_name) != (profile.data, profile.provider_name):
            _check_unused(w, kind, profile)
        kinds.settings(kind.profile, after.provider_name, after.data)
        return w.tx.put(after)

    def delete(w: Writing, profile: Profile) -> None:
        _check_unused(w, kind, profile)
        w.tx.remove(profile)

    def view(_r: Reading, profiles: Sequence[Profile]) -> list[View]:
        names = ("id", "name", "provider_name")
        return [{**{n: getattr(p, n) for n in names}, kind.data: p.data} for p in profiles]

    return Resource(
        member=member,
        collection=many or f"{member}s",
        path=path,
        model=kind.profile,
        table=_profile_table(kind, member),
        missing=("NotFound", "Profile {id} not found."),
        view=view,
        create=create,
        update=update,
        delete=delete,
        visible=_nobody,
        taggable=False,
    )


def _check_unused(w: Writing, kind: Kind, profile: Profile) -> None:
    if w.snapshot.count_by(kind.offer, "profile", profile.id):
        raise immutable(f"Profile {profile.id} is in use and cannot be modified.")


def _offers(kind: Kind, member: str, path: str, many: str) -> Resource:
    def create(w: Writing, given: dict[str, Any]) -> Offer:
        given["profile_id"] = given.pop(kind.reference)
        if w.snapshot.get(kind.profile, given["profile_id"]) is None:
            raise invalid(f"Profile {given['profile_id']} not found.")
        return w.tx.put(kind.offer(id=new_id(), **given))

    def update(w: Writing, offer: Offer, given: dict[str, Any]) -> Offer:
        return w.tx.put(changed(offer, given))

    def delete(w: Writing, offer: Offer) -> None:
        index, field = kind.used
        if w.snapshot.count_by(LoadBalancer, index, getattr(offer, field)):
            raise immutable(f"{offer.name} is in use and cannot be deleted.")
        w.tx.remove(offer)

    def view(_r: Reading, offers: Sequence[Offer]) -> list[View]:
        names = ("name", "description", "enabled")
        named = {"id": "id"} if kind is FLAVORS else {}
        return [
            {
                **{key: getattr(offer, key) for key in (*named, *names)},
                kind.reference: offer.profile_id,
            }
            for offer in offers
        ]

    def others(snapshot: Snapshot, _context: Context) -> Iterable[str]:
        return (offer.id for offer in snapshot.all(kind.offer))

    return Resource(
        member=member,
        collection=many,
        path=path,
        model=kind.offer,
        table=_offer_table(kind, member),
        missing=("NotFound", "Flavor or zone {id} not found."),
        view=view,
        create=create,
        update=update,
        delete=delete,
        visible=_everybody,
        others=others,
        taggable=False,
    )


def _nobody(_snapshot: Snapshot, _context: Context, _obj: Any) -> bool:
    return False


def _everybody(_snapshot: Snapshot, _context: Context, _obj: Any) -> bool:
    return True


RESOURCES: Mapping[str, Resource] = {
    resource.path: resource
    for resource in (
        _offers(FLAVORS, "flavor", "flavors", "flavors"),
        _profiles(FLAVORS, "flavorprofile", "flavorprofiles"),
        _offers(ZONES, "availability_zone", "availabilityzones", "availability_zones"),
        _profiles(ZONES, "availability_zone_profile", "availabilityzoneprofiles"),
    )
}
"""By their path."""


async def create(resource: Resource, call: Call) -> Answer:
    """They are nobody's, so that no project is asked for."""
    make = resource.create
    assert make is not None
    if not call.context.is_admin:
        raise forbidden("create")
    body = collection.item(resource.member, call.body)
    given = read_child(resource.table, body, call.context)
    made = await call.write(lambda w: make(w, dict(given)))
    return 201, {resource.member: resource.view(call.reading(), [made])[0]}


def guarded(resource: Resource, call: Call) -> Resource:
    """Only the admin changes them."""
    if call.method != "GET" and not call.context.is_admin:
        raise forbidden("change")
    return replace(resource)


def id_of(resource: Resource, snapshot: Snapshot, name: str) -> str:
    """Zones are known by their names."""
    return snapshot.holder(Zone.kind, name) or name if resource.model is Zone else name
