"""What a pod has chosen by its annotations, as its host tells the controller."""

import msgspec


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`network` and `subnets` by ids or names; none for what the cluster's pods have."""

    sandbox: str
    name: str = ""
    uid: str = ""
    network: str = ""
    subnets: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
