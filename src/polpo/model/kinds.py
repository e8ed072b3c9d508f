"""All kinds of objects, by the name under which the store keeps them."""

from polpo.model import (
    host,
    identity,
    network,
    placement,
    port,
    probe,
    qos,
    router,
    security_group,
    sharing,
)
from polpo.model.object import Object

KINDS: dict[str, type[Object]] = {
    cls.kind: cls
    for cls in (
        identity.Domain,
        identity.Project,
        identity.User,
        identity.Role,
        identity.RoleAssignment,
        identity.ApplicationCredential,
        identity.RevokedToken,
        identity.SigningKey,
        host.Host,
        network.AddressScope,
        network.SubnetPool,
        network.Network,
        network.Subnet,
        security_group.AddressGroup,
        security_group.SecurityGroup,
        security_group.SecurityGroupRule,
        port.Port,
        router.Router,
        router.FloatingIP,
        placement.Placement,
        probe.Probe,
        qos.QosPolicy,
        sharing.RbacPolicy,
        sharing.Quota,
    )
}
