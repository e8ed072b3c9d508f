"""Who else may use an object (RBAC policies), and how much a project may have (quotas)."""

from typing import ClassVar

from polpo.model.object import Claim, IndexEntry, Object, Owned


class RbacPolicy(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Lets `target_tenant` (a project id, or `*` for all) use the object by `action`."""

    kind: ClassVar[str] = "rbac_policy"

    object_type: str
    object_id: str
    action: str
    target_tenant: str

    def claims(self) -> tuple[Claim, ...]:
        return ((f"rbac/{self.object_id}", f"{self.action}/{self.target_tenant}"),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (
            *super().index(),
            ("object", self.object_id),
            ("grant", f"{self.object_type}/{self.action}/{self.target_tenant}"),
        )


class Quota(Object, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of one project (`id` is the project's), -1 for none; what is not here is default."""

    kind: ClassVar[str] = "quota"

    limits: dict[str, int] = {}
