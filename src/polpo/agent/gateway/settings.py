"""What a gateway's namespace is set to. `default` is what each device begins with."""

SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv4/ip_early_demux": "0",  # hardly a packet here is for a socket
    "ipv6/conf/all/forwarding": "1",
    "ipv6/conf/default/forwarding": "1",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/accept_redirects": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/addr_gen_mode": "1",  # a standby has no address outside, not even its own
    "netfilter/nf_conntrack_tcp_be_liberal": "1",  # of connections that come back after a failover
} | {
    f"ipv4/conf/{which}/{name}": value
    for which in ("all", "default")
    for name, value in (
        ("rp_filter", "0"),  # the rules look at it, for both families: `arriving`
        ("send_redirects", "0"),
        ("accept_redirects", "0"),
        ("accept_source_route", "0"),
        ("arp_ignore", "1"),  # the transit network's addresses are not for the outside
        ("arp_announce", "2"),
        ("promote_secondaries", "1"),  # own addresses outlive those that keepalived takes away
    )
}
