"""Hosts: where agents run. Made by the cloud's admin; the agent shows the token made with it."""

from typing import ClassVar

from polpo.model.object import Claim, Object


class Host(Object, frozen=True, kw_only=True, omit_defaults=True):
    """`id` is a UUID, `address` where tunnels to it end, `token_hash` SHA-256 of its token."""

    kind: ClassVar[str] = "host"

    name: str
    address: str
    token_hash: str
    availability_zone: str = "nova"
    admin_state_up: bool = True
    description: str = ""

    def claims(self) -> tuple[Claim, ...]:
        return (
            ("host", self.name),
            ("host-address", self.address),
            ("host-token", self.token_hash),
        )
