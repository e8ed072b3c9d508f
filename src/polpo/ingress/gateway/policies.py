"""BackendTLSPolicies: how a Service is to be spoken to over TLS, and who it has to be. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from polpo.ingress.features.upstream import SYSTEM, Upstream
from polpo.ingress.gateway.conditions import Condition, no, yes
from polpo.ingress.gateway.objects import BackendTLSPolicy, ObjectRef
from polpo.ingress.secrets import authority
from polpo.ingress.state import State
from polpo.ingress.wrong import Wrong
from polpo.kube.objects import ServicePort
from polpo.kube.resources import key


class Policy(NamedTuple):
    """`feature` is None where it can't be kept: then nobody may ask the Service."""

    accepted: Condition
    resolved: Condition
    feature: Upstream | None


class Policies:
    """`used`: by policy, the Gateways (namespace/name) through which its Services are asked."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.used: defaultdict[str, set[str]] = defaultdict(set)
        self.read: dict[str, Policy] = {}
        self._of: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._kept: dict[str, BackendTLSPolicy] = state.more["BackendTLSPolicy"]
        for name, policy in sorted(self._kept.items(), key=lambda item: _age(item[1])):
            self.read[name] = self._read(policy)
            self._note(name, policy)

    def of(
        self, namespace: str, service: str, port: ServicePort, gateways: set[str]
    ) -> Policy | None:
        """The one for the port by its name comes before one for the Service."""
        for section in (port.name, "") if port.name else ("",):
            names = self._of.get((f"{namespace}/{service}", section), [])
            for name in names:
                self.used[name] |= gateways
            if names:
                return self.read[names[0]]
        return None

    def _note(self, name: str, policy: BackendTLSPolicy) -> None:
        """The older of two for the same has it."""
        for target in policy.spec.target_refs:
            if (target.group, target.kind) != ("", "Service"):
                continue
            where = (f"{policy.metadata.namespace}/{target.name}", target.section_name)
            before = self._of[where]
            if before:
                message = f"{before[0]} is older and for the same Service"
                self.read[name] = self.read[name]._replace(
                    accepted=no("Accepted", "Conflicted", message)
                )
            before.append(name)

    def _read(self, policy: BackendTLSPolicy) -> Policy:
        asked = policy.spec.validation
        if asked.subject_alt_names:
            message = "subjectAltNames are not supported: HAProxy asks for the hostname"
            return Policy(no("Accepted", "Invalid", message), yes("ResolvedRefs"), None)
        if asked.well_known:
            if asked.well_known != "System":
                message = f"wellKnownCACertificates: {asked.well_known} is not supported"
                return Policy(no("Accepted", "Invalid", message), yes("ResolvedRefs"), None)
            return Policy(yes("Accepted"), yes("ResolvedRefs"), self._upstream(policy, SYSTEM))
        found, wrong = [], None
        for ref in asked.ca_certificate_refs:
            try:
                found.append(self._authority(policy.metadata.namespace, ref))
            except _Refused as refused:
                wrong = wrong or no("ResolvedRefs", refused.reason, str(refused))
        if not found:
            resolved = wrong or no("ResolvedRefs", "InvalidCACertificateRef", "there is none")
            return Policy(no("Accepted", "NoValidCACertificate", resolved.message), resolved, None)
        feature = self._upstream(policy, "".join(found))
        return Policy(yes("Accepted"), wrong or yes("ResolvedRefs"), feature)

    def _upstream(self, policy: BackendTLSPolicy, ca: str) -> Upstream:
        return Upstream(ca, "", policy.spec.validation.hostname, True)

    def _authority(self, namespace: str, ref: ObjectRef) -> str:
        if (ref.group, ref.kind) != ("", "ConfigMap"):
            raise _Refused("InvalidKind", f"{ref.kind} {ref.name} is no ConfigMap")
        found = self._state.config_maps.get(f"{namespace}/{ref.name}")
        text = (found.data or {}).get("ca.crt") if found is not None else None
        if text is None:
            raise _Refused("InvalidCACertificateRef", f"no ConfigMap {ref.name} with a ca.crt")
        try:
            return authority(text)
        except Wrong as wrong:
            raise _Refused("InvalidCACertificateRef", f"ConfigMap {ref.name}: {wrong}") from None

    def conditions(self) -> Iterator[tuple[BackendTLSPolicy, tuple[str, ...], list[Condition]]]:
        """Of each that is used, by which Gateways."""
        for name, gateways in sorted(self.used.items()):
            policy = self.read[name]
            yield self._kept[name], tuple(sorted(gateways)), [policy.accepted, policy.resolved]


class _Refused(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _age(policy: BackendTLSPolicy) -> tuple[str, str]:
    return policy.metadata.creation_timestamp, key(policy.metadata)
