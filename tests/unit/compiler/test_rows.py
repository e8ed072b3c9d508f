"""Rows of one small cloud, looked at by hand."""

from polpo.compiler.slices import all_slices
from polpo.model.host import Host
from polpo.model.network import HostRoute, Network, Subnet
from polpo.model.port import AddressPair, DhcpOption, FixedIP, Port
from polpo.model.security_group import SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.target import rows

HOSTS = [Host(id=f"H{n}", name=f"h{n}", address=f"192.0.2.{n}", token_hash=f"t{n}") for n in (1, 2)]
NETWORK = Network(id="N", vni=7, mtu=1450, dns_domain="example.org.")
SUBNETS = [
    Subnet(
        id="S4",
        network_id="N",
        ip_version=4,
        cidr="10.0.0.0/24",
        gateway_ip="10.0.0.1",
        dns_nameservers=("9.9.9.9",),
        host_routes=(HostRoute("10.9.0.0/16", "10.0.0.9"),),
    ),
    Subnet(
        id="S6",
        network_id="N",
        ip_version=6,
        cidr="fd00::/64",
        ipv6_ra_mode="slaac",
        ipv6_address_mode="slaac",
    ),
]
RULE = SecurityGroupRule(id="R", security_group_id="g", direction="egress", ethertype="IPv4")
PORT = Port(
    id="P",
    network_id="N",
    name="web",
    mac_address="02:00:00:00:00:01",
    fixed_ips=(FixedIP("S6", "fd00::5"), FixedIP("S4", "10.0.0.5")),
    host="h1",
    security_groups=("g",),
    allowed_address_pairs=(
        AddressPair("10.0.0.100"),
        AddressPair("fd00::/96", "02:AA:00:00:00:01"),
    ),
    dns_name="www",
    extra_dhcp_opts=(DhcpOption("mtu", "1400"), DhcpOption("dns-server", "fd00::9", 6)),
    wiring=4,
)


def compiled(port: Port = PORT, network: Network = NETWORK) -> rows.Slices:
    return all_slices(Snapshot.of([*HOSTS, network, *SUBNETS, RULE, port], 9))


def own(port: Port = PORT, network: Network = NETWORK) -> rows.Port:
    row = compiled(port, network)["host/h1"]["port/P"]
    assert isinstance(row, rows.Port)
    return row


def changed(**fields: object) -> Port:
    values = {name: getattr(PORT, name) for name in PORT.__struct_fields__}
    return Port(**values | fields)


def test_a_port_on_its_host() -> None:
    row = own()
    assert (row.vni, row.mac, row.mtu, row.name) == (7, "02:00:00:00:00:01", 1450, "web")
    assert row.leases == (rows.Lease("10.0.0.5", "S4"), rows.Lease("fd00::5", "S6"))
    assert row.hostname == "www"
    assert row.dhcp_options == (
        rows.DhcpOption("mtu", "1400", 4),
        rows.DhcpOption("dns-server", "fd00::9", 6),
    )
    assert row.pairs == (
        rows.Pair("02:00:00:00:00:01", "10.0.0.100/32"),
        rows.Pair("02:aa:00:00:00:01", "fd00::/96"),
    )
    assert compiled()["host/h1"][f"policy/{row.policy}"] == rows.Policy(
        row.policy, (rows.Rule(ingress=False, family=4),)
    )


def test_a_port_as_other_hosts_know_it() -> None:
    endpoint, groups, *_ = compiled()["network/7"].values()
    assert isinstance(groups, rows.GroupSet)
    assert endpoint == rows.Endpoint(
        "P", "02:00:00:00:00:01", "192.0.2.1", ("10.0.0.5", "fd00::5"), groups.number
    )
    assert groups.groups == ("g",)


def test_what_the_ports_of_a_network_configure() -> None:
    assert [r for r in compiled()["network/7"].values() if isinstance(r, rows.Subnet)] == [
        rows.Subnet(
            "S4",
            "10.0.0.0/24",
            "10.0.0.1",
            ("9.9.9.9",),
            (("10.9.0.0/16", "10.0.0.9"),),
            domain="example.org",
        ),
        rows.Subnet("S6", "fd00::/64", ra_mode="slaac", address_mode="slaac", domain="example.org"),
    ]


def test_a_host_carries_the_networks_of_its_ports() -> None:
    assert compiled()["host/h1"]["network/7"] == rows.Network(vni=7, mtu=1450)
    assert "host/h2" not in compiled()
    assert set(compiled()["hosts"]) == {"host/h1", "host/h2"}


def test_what_is_not_bound_to_a_known_host_is_nowhere() -> None:
    assert set(compiled(changed(host=""))) == {"hosts", "network/7"}
    slices = compiled(changed(host="gone"))
    assert "host/gone" not in slices
    assert not any(isinstance(row, rows.Endpoint) for row in slices.get("network/7", {}).values())


def test_no_policy_means_that_nothing_passes() -> None:
    assert own(changed(security_groups=())).policy == 0


def test_a_port_without_port_security_needs_no_policy() -> None:
    row = own(changed(port_security_enabled=False))
    assert (row.port_security, row.policy) == (False, 0)


def test_a_port_is_up_if_it_and_its_network_are() -> None:
    down = Network(id="N", vni=7, mtu=1450, admin_state_up=False)
    ups = [own().admin_up, own(changed(admin_state_up=False)).admin_up, own(PORT, down).admin_up]
    assert ups == [True, False, False]
