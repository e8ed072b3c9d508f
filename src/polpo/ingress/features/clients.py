"""Clients with certificates of their own, of an authority that the Ingress names."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.asked import NAME
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong

KEYS = ("auth-tls-secret", "auth-tls-verify-client", "auth-tls-verify-depth",
        "auth-tls-pass-certificate-to-upstream")  # fmt: skip
GUARDS = True


class Clients(Feature, frozen=True):
    """Whose session is for another name has not been asked for this one's certificate."""

    required: bool
    passed: bool = False

    def lines(self, name: str) -> Iterator[str]:
        yield f"http-request set-var(txn.name) {NAME}"
        same = "{ ssl_fc } { ssl_fc_sni,lower,strcmp(txn.name) eq 0 }"
        yield f"http-request deny deny_status 421 unless {same}"
        if self.required:
            yield "http-request deny deny_status 400 unless { ssl_c_used } { ssl_c_verify 0 }"
        for header in ("ssl-client-verify", "ssl-client-subject-dn", "ssl-client-issuer-dn",
                       "ssl-client-cert"):  # fmt: skip
            yield f"http-request del-header {header}"
        good = "if { ssl_c_used } { ssl_c_verify 0 }"
        yield f"http-request set-header ssl-client-verify SUCCESS {good}"
        yield f"http-request set-header ssl-client-subject-dn %[ssl_c_s_dn(,0,rfc2253)] {good}"
        yield f"http-request set-header ssl-client-issuer-dn %[ssl_c_i_dn(,0,rfc2253)] {good}"
        if self.passed:
            yield f"http-request set-header ssl-client-cert %[ssl_c_der,base64] {good}"


def read(given: Annotations, asking: Asking) -> Clients | None:
    """The certificates themselves are in compile.py: they are a host's."""
    if not given.text("auth-tls-secret"):
        return None
    verify = given.choice(
        "auth-tls-verify-client", "on", "off", "optional", "optional_no_ca", default="on"
    )
    if verify == "off":
        return None
    if not asking.has_tls:
        raise Wrong(f"auth-tls-secret: {asking.host} has no certificate that could be asked for")
    return Clients(verify == "on", given.flag("auth-tls-pass-certificate-to-upstream"))
