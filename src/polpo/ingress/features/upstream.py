"""TLS towards the application: whom it has to be, and who we are."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations, host
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature, file_of
from polpo.ingress.secrets import authority, pair, text_of
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import name as checked_name

KEYS = ("proxy-ssl-secret", "proxy-ssl-verify", "proxy-ssl-name", "proxy-ssl-server-name")
GUARDS = True
SYSTEM = "@system-ca"


class Upstream(Feature, frozen=True):
    """`ca` (PEM) or SYSTEM: who vouches for it; "" is not asked. `names`: what its certificate is
    to be for; the first is asked for (SNI), too."""

    ca: str = ""
    own: str = ""
    name: str = ""
    sni: bool = False

    def server(self) -> Iterator[str]:
        if self.ca:
            where = SYSTEM if self.ca == SYSTEM else f"files/{file_of(self.ca)}"
            yield f"verify required ca-file {where}"
            if self.name:
                yield f"verifyhost {checked_name(self.name)}"
        if self.own:
            yield f"crt files/{file_of(self.own)}"
        if self.name and self.sni:
            yield f"sni str({checked_name(self.name)})"

    def files(self) -> Iterator[str]:
        yield from (text for text in (self.ca, self.own) if text and text != SYSTEM)


def read(given: Annotations, asking: Asking) -> Upstream | None:
    wanted = given.text("proxy-ssl-secret")
    verify = given.choice("proxy-ssl-verify", "on", "off", default="off").lower() == "on"
    named = given.text("proxy-ssl-name")
    sni = given.choice("proxy-ssl-server-name", "on", "off", default="off").lower() == "on"
    if not wanted:
        if verify:
            raise Wrong("proxy-ssl-verify needs a proxy-ssl-secret with ca.crt")
        return Upstream("", "", host(named), True) if named and sni else None
    space, _, name = wanted.rpartition("/")
    if space not in ("", asking.namespace):
        raise Wrong(f"proxy-ssl-secret: {wanted} is in another namespace")
    secret = asking.secret(name)
    own = pair(secret) if "tls.crt" in (secret.data or {}) else ""
    ca = authority(text_of(secret, "ca.crt")) if verify else ""
    return Upstream(ca, own, host(named) if named else "", sni)
