"""A name and a password (RFC 7617), from a Secret."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.secrets import text_of
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import word

KEYS = ("auth-type", "auth-secret", "auth-secret-type", "auth-realm")
GUARDS = True
_CRYPT = re.compile(r"\$(1|5|6|2[aby]|y|7)\$[!-~]{1,200}")
_HTPASSWD = re.compile(r"\$apr1\$[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{22}|\{SHA\}[+/0-9A-Za-z]{27}=")
MOST = 1000


class Basic(Feature, frozen=True):
    """Users and what crypt(3), or htpasswd for itself alone, has made of their passwords."""

    realm: str
    users: tuple[tuple[str, str], ...]

    def _of_htpasswd(self) -> list[tuple[str, str]]:
        return [(user, stored) for user, stored in self.users if not _CRYPT.fullmatch(stored)]

    def programs(self) -> Iterator[str]:
        if self._of_htpasswd():
            yield "password"

    def lines(self, name: str) -> Iterator[str]:
        known = f"{{ http_auth(users.{name}) }}"
        for user, stored in self._of_htpasswd():
            his = f"{{ http_auth_user -m str -- {word(user)} }}"
            yield f"http-request lua.polpo_password {word(stored)} if {his}"
            known = f"{{ var(txn.known) -m bool }} || {{ http_auth(users.{name}) }}"
        yield f"http-request auth realm {word(self.realm)} unless {known}"

    def sections(self, name: str) -> Iterator[list[str]]:
        others = self._of_htpasswd()
        lines = [f"userlist users.{name}"]
        for user, password in self.users:
            if (user, password) not in others:
                lines.append(f"  user {word(user)} password {word(password)}")
        yield lines


def read(given: Annotations, asking: Asking) -> Basic | None:
    kind = given.text("auth-type").lower()
    if not kind:
        return None
    if kind != "basic":
        raise Wrong(f"auth-type: {kind!r}: only basic is there")
    wanted = given.text("auth-secret")
    space, _, name = wanted.rpartition("/")
    if not name or space not in ("", asking.namespace):
        raise Wrong(f"auth-secret: {wanted!r} is no Secret of the Ingress' own namespace")
    secret = asking.secret(name)
    if given.choice("auth-secret-type", "auth-file", "auth-map") == "auth-map":
        pairs = [(user, text_of(secret, user).strip()) for user in sorted(secret.data or {})]
    else:
        lines = text_of(secret, "auth").split()
        pairs = [(user, password) for user, _, password in (x.partition(":") for x in lines)]
    if not pairs or len(pairs) > MOST:
        raise Wrong(f"auth-secret: from one to {MOST} users are needed")
    return Basic(given.text("auth-realm", "Authentication Required"), tuple(map(_user, pairs)))


def _user(pair: tuple[str, str]) -> tuple[str, str]:
    user, password = pair
    if not re.fullmatch(r"[!-9;-~]{1,255}", user):
        raise Wrong(f"auth-secret: {user!r} is no user's name")
    if not _CRYPT.fullmatch(password) and not _HTPASSWD.fullmatch(password):
        raise Wrong(
            f"auth-secret: the password of {user} is neither crypt(3)'s nor $apr1$ nor {{SHA}}:"
            " make it with htpasswd"
        )
    return user, password
