"""POST /v3/users/{id}/password: a user's own change, proved by the old password."""

import msgspec
from starlette.responses import Response

from polpo.api.identity_v3.auth_request import PasswordUser
from polpo.api.identity_v3.call import Call, empty
from polpo.api.identity_v3.errors import Unauthenticated
from polpo.api.identity_v3.fields import Secret, member
from polpo.api.identity_v3.listing import found
from polpo.api.identity_v3.proof import by_password
from polpo.api.identity_v3.tokens import iso
from polpo.api.identity_v3.users import changed
from polpo.model.identity import User
from polpo.store.transaction import Transaction


class _NewPassword(msgspec.Struct):
    password: Secret
    original_password: Secret


async def change_password(call: Call) -> Response:
    """By the user, with the old one; no token is needed. Counted as an attempt to log in."""
    new = member(await call.body(), "user", _NewPassword)
    id = call.part("user_id")
    who = PasswordUser(id=id, password=new.original_password)
    old = (await by_password(call.identity, who, call.source)).user.password_hash
    password_hash = await call.identity.passwords.hash(new.password)
    now = iso(call.identity.now_us())

    def act(tx: Transaction) -> None:
        user = found(tx.snapshot, User, id)
        if user.password_hash != old:  # somebody else was quicker
            raise Unauthenticated
        tx.put(changed(user, {"password_hash": password_hash}, now))

    await call.write(act)
    return empty()
