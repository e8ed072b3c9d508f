"""All kinds of objects, by the name under which the store keeps them."""

from polpo.model import (
    host,
    identity,
    load_balancer,
    network,
    placement,
    port,
    probe,
    qos,
    router,
    secret,
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
        load_balancer.LoadBalancer,
        load_balancer.Listener,
        load_balancer.Pool,
        load_balancer.Member,
        load_balancer.HealthMonitor,
        load_balancer.L7Policy,
        load_balancer.L7Rule,
        load_balancer.BalancerQuota,
        placement.Placement,
        probe.Probe,
        qos.QosPolicy,
        secret.Secret,
        secret.SecretContainer,
        sharing.RbacPolicy,
        sharing.Quota,
    )
}
