"""/v3/users: who can log in. Passwords come in, and never go out."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from polpo.api.identity_v3.bootstrap import new_id
from polpo.api.identity_v3.call import Call, answer, empty
from polpo.api.identity_v3.fields import Name, Secret, Text, extras, invalid, member
from polpo.api.identity_v3.listing import filtered, found, listing
from polpo.api.identity_v3.options import check_options
from polpo.api.identity_v3.removal import remove_user
from polpo.api.identity_v3.tokens import iso
from polpo.model.identity import Domain, User
from polpo.store.transaction import Transaction


class _New(msgspec.Struct):
    name: Name
    domain_id: str | None = None
    password: Secret | None = None
    default_project_id: str | None = None
    description: Text | None = None
    email: Text | None = None
    enabled: bool = True
    options: dict[str, Any] = {}


class _Change(msgspec.Struct):
    name: Name | UnsetType = UNSET
    domain_id: str | UnsetType = UNSET
    password: Secret | UnsetType | None = UNSET
    default_project_id: str | UnsetType | None = UNSET
    description: Text | UnsetType | None = UNSET
    email: Text | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET


async def list_users(call: Call) -> Response:
    names = ("name", "domain_id", "enabled", "id")
    users = filtered(call, call.snapshot.all(User), *names)
    return listing(call, "users", [user_view(call, u) for u in users])


async def get_user(call: Call) -> Response:
    return answer({"user": user_view(call, found(call.snapshot, User, call.part("user_id")))})


async def create_user(call: Call) -> Response:
    body = await call.body()
    new = member(body, "user", _New)
    check_options(new.options)
    domain_id = new.domain_id or call.caller.context.domain_id
    user = User(
        id=new_id(),
        name=new.name,
        domain_id=domain_id,
        password_hash=await hash_of(call, new.password),
        default_project_id=new.default_project_id,
        description=new.description or "",
        email=new.email or "",
        enabled=new.enabled,
        extra={**extras(body, "user", _New), "options": new.options},
    )

    def act(tx: Transaction) -> User:
        found(tx.snapshot, Domain, domain_id)
        return tx.put(user)

    return answer({"user": user_view(call, await call.write(act))}, 201)


async def update_user(call: Call) -> Response:
    body = await call.body()
    change = member(body, "user", _Change)
    values = _values(change)
    values["extra"] = extras(body, "user", _Change)
    if change.options is not UNSET:
        check_options(change.options)
        values["extra"]["options"] = change.options
    if change.password is not UNSET:
        values["password_hash"] = await hash_of(call, change.password)
    id, now = call.part("user_id"), iso(call.identity.now_us())

    def act(tx: Transaction) -> User:
        user = found(tx.snapshot, User, id)
        if change.domain_id not in (UNSET, user.domain_id):
            raise invalid("domain_id", "cannot change Domain ID")
        return tx.put(changed(user, values, now))

    return answer({"user": user_view(call, await call.write(act))})


async def delete_user(call: Call) -> Response:
    id = call.part("user_id")
    await call.write(lambda tx: remove_user(tx, found(tx.snapshot, User, id)))
    return empty()


def changed(user: User, values: dict[str, Any], now: str) -> User:
    """Earlier tokens become void with a new password, and when the user is disabled."""
    values = {**values, "extra": {**user.extra, **values.get("extra", {})}}
    if "password_hash" in values or values.get("enabled") is False:
        values["tokens_from"] = now
    return msgspec.structs.replace(user, **values)


def user_view(call: Call, user: User) -> dict[str, object]:
    given = {"email": user.email, "description": user.description}
    given |= {"default_project_id": user.default_project_id or ""}
    return {
        "options": {},
        **user.extra,
        **{name: value for name, value in given.items() if value},
        "id": user.id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": user.enabled,
        "password_expires_at": None,
        "links": {"self": call.url(f"/users/{user.id}")},
    }


async def hash_of(call: Call, password: str | None) -> str:
    """ "" where there is none: then nobody can log in with one."""
    return await call.identity.passwords.hash(password) if password is not None else ""


def _values(change: _Change) -> dict[str, Any]:
    names = ("name", "default_project_id", "description", "email", "enabled")
    values = {n: v for n in names if (v := getattr(change, n)) is not UNSET}
    return values | {n: "" for n in ("description", "email") if values.get(n, "") is None}
