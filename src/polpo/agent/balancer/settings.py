"""What a load balancer's namespace is set to. `default` is what each device begins with."""

SETTINGS = {
    "ipv4/ip_forward": "0",
    "ipv6/conf/all/forwarding": "0",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/accept_redirects": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv4/tcp_syncookies": "0",  # a cookie's acknowledgement has no socket: it would go to the peer
    "ipv4/ip_local_port_range": "10240\t65535",  # towards members
    "ipv4/tcp_tw_reuse": "1",
} | {
    f"ipv4/conf/{which}/{name}": value
    for which in ("all", "default")
    for name, value in (
        ("rp_filter", "0"),  # the peer's packets come from clients; the switch lets nobody spoof
        ("accept_redirects", "0"),
        ("accept_source_route", "0"),
        ("arp_ignore", "1"),  # the addresses on `lo` are answered for only by whoever is active
        ("arp_announce", "2"),
        ("promote_secondaries", "1"),  # own addresses outlive those that keepalived takes away
    )
}
