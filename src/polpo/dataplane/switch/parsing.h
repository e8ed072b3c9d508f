// SPDX-License-Identifier: GPL-2.0
//
// Ethernet, IPv4, IPv6 and its extensions, fragments, TCP, UDP, ICMP, DHCP.

// Headers mostly lie where they can be read without a call.
static __always_inline int load(struct __sk_buff *skb, __u64 offset, void *to, __u64 size)
{
	const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	if (offset < NEAR && data + offset + size <= end) {
		__builtin_memcpy(to, data + offset, size);
		return 0;
	}
	return bpf_skb_load_bytes(skb, offset, to, size);
}

static __always_inline int parse_ports(struct __sk_buff *skb, struct packet *p)
{
	struct transport *t = &p->transport;
	__u8 tcp[14];
	t->kind = FLOW;
	switch (t->protocol) {
	case IPPROTO_TCP:
		if (load(skb, p->offset, tcp, sizeof(tcp)))
			return MALFORMED;
		t->source_port = *(__be16 *)tcp;
		t->destination_port = *(__be16 *)(tcp + 2);
		p->tcp_flags = tcp[13];
		p->tcp_header = (tcp[12] >> 4) * 4;
		return PASSED;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return bpf_skb_load_bytes(skb, p->offset, t, 4) ? MALFORMED : PASSED;
	}
	return PASSED;
}

static __always_inline bool is_error(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMP)
		return type == 3 || type == 11 || type == 12;
	return protocol == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
}

static __always_inline void parse_icmp4(struct transport *t, __u8 type)
{
	t->kind = SINGLE;
	if (type == 8 || type == 0) {
		t->kind = FLOW;
		t->echo = type ? REQUEST : REPLY;
	} else if (is_error(IPPROTO_ICMP, type)) {
		t->kind = ERROR;
	}
}

static __always_inline void parse_icmp6(struct transport *t, __u8 type)
{
	t->kind = SINGLE;
	if (type == 128 || type == 129) {
		t->kind = FLOW;
		t->echo = type == 128 ? REQUEST : REPLY;
	} else if (is_error(IPPROTO_ICMPV6, type)) {
		t->kind = ERROR;
	} else if ((type >= 130 && type <= 137) || type == 143) { // MLD (RFC 3810), ND (RFC 4861)
		t->exempt = EXEMPT_SENDING | EXEMPT_RECEIVING;
	}
}

static __always_inline int parse_icmp(struct __sk_buff *skb, struct packet *p)
{
	struct transport *t = &p->transport;
	__u8 icmp[8];
	if (bpf_skb_load_bytes(skb, p->offset, icmp, sizeof(icmp)))
		return MALFORMED;
	t->icmp = *(__be16 *)icmp;
	if (p->ethertype == ETH_P_IP)
		parse_icmp4(t, icmp[0]);
	else
		parse_icmp6(t, icmp[0]);
	if (t->echo)
		t->source_port = t->destination_port = *(__be16 *)(icmp + 4);
	return PASSED;
}

// DHCP is not for users' rules to break: clients may ask, and be answered (RFC 2131, RFC 8415).
static __always_inline void parse_dhcp(struct packet *p)
{
	struct transport *t = &p->transport;
	__be16 client = p->ethertype == ETH_P_IP ? bpf_htons(68) : bpf_htons(546);
	__be16 server = p->ethertype == ETH_P_IP ? bpf_htons(67) : bpf_htons(547);
	if (t->protocol != IPPROTO_UDP)
		return;
	if (t->source_port == client && t->destination_port == server)
		t->exempt = EXEMPT_SENDING;
	if (t->source_port == server && t->destination_port == client)
		t->exempt = EXEMPT_RECEIVING;
	if (t->exempt)
		t->kind = SINGLE;
}

SUBPROGRAM int first_fragment(struct packet *p, bool later)
{
	REQUIRE(p);
	struct fragment_key key = {.vni = p->vni,
				   .id = p->fragment_id,
				   .source = p->source,
				   .destination = p->destination,
				   .protocol = p->fragment_protocol};
	if (!later) {
		struct transport kept = p->transport;
		if (kept.kind == ERROR)
			kept.kind = SINGLE; // what it is about is not in the later fragments
		bpf_map_update_elem(&fragments, &key, &kept, BPF_ANY);
		return PASSED;
	}
	struct transport *known = bpf_map_lookup_elem(&fragments, &key);
	if (!known)
		return LATE_FRAGMENT;
	p->transport = *known;
	return PASSED;
}

static __always_inline int parse_transport(struct __sk_buff *skb, struct packet *p)
{
	if (p->later)
		return first_fragment(p, true);
	int reason = has_icmp(p) ? parse_icmp(skb, p) : parse_ports(skb, p);
	if (reason)
		return reason;
	parse_dhcp(p);
	return p->more ? first_fragment(p, false) : PASSED;
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *p)
{
	struct ipv4 ip;
	if (load(skb, ETH_HLEN, &ip, sizeof(ip)))
		return MALFORMED;
	__u32 header = (ip.version_ihl & 15) * 4;
	__u32 length = bpf_ntohs(ip.length) ?: (skb->gso_size ? skb->len - ETH_HLEN : 0);
	if (ip.version_ihl >> 4 != 4 || header < sizeof(ip) || length < header ||
	    ETH_HLEN + length > skb->len)
		return MALFORMED;
	set_v4(&p->source, ip.source);
	set_v4(&p->destination, ip.destination);
	p->transport.protocol = p->fragment_protocol = ip.protocol;
	p->hop_limit = ip.ttl;
	p->tos = ip.tos;
	p->checksum = ip.checksum;
	p->offset = ETH_HLEN + header;
	p->fragment_id = ip.id;
	__u16 fragment = bpf_ntohs(ip.fragment);
	p->later = (fragment & 0x1fff) != 0;
	p->more = (fragment & 0x2000) != 0;
	if (ip.protocol == IPPROTO_TCP && (fragment & 0x1fff) == 1)
		return MALFORMED; // would overwrite the ports of the first one (RFC 3128)
	return parse_transport(skb, p);
}

struct extension {
	__u8 next;
	__u8 length;
	__be16 fragment;
	__be32 id;
};

// One IPv6 extension header; says whether to go on to the next one. `next` is in p->transport.
static __always_inline int step_over(struct __sk_buff *skb, struct packet *p)
{
	struct extension extension;
	__u8 protocol = p->transport.protocol;
	if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING &&
	    protocol != IPPROTO_DSTOPTS && protocol != IPPROTO_FRAGMENT && protocol != IPPROTO_AH)
		return 0;
	if (bpf_skb_load_bytes(skb, p->offset, &extension, sizeof(extension)))
		return -1;
	p->transport.protocol = extension.next;
	if (protocol != IPPROTO_FRAGMENT) {
		p->offset += protocol == IPPROTO_AH ? (extension.length + 2) * 4
						    : (extension.length + 1) * 8;
		return 1;
	}
	__u16 fragment = bpf_ntohs(extension.fragment);
	p->offset += 8;
	p->later = (fragment & 0xfff8) != 0;
	p->more = fragment & 1;
	p->fragment_id = extension.id;
	p->fragment_protocol = extension.next;
	return !p->later;
}

SUBPROGRAM int parse_extensions(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	for (int i = 0; i < EXTENSIONS; i++) {
		int more = step_over(skb, p);
		if (more < 0)
			return MALFORMED;
		if (!more)
			return PASSED;
	}
	return MALFORMED;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6 ip;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return MALFORMED;
	if ((bpf_ntohl(ip.flow) >> 28) != 6 || ETH_HLEN + 40 + bpf_ntohs(ip.length) > skb->len)
		return MALFORMED;
	p->source = ip.source;
	p->destination = ip.destination;
	p->transport.protocol = ip.next;
	p->hop_limit = ip.hop_limit;
	p->tos = bpf_ntohl(ip.flow) >> 20;
	p->offset = ETH_HLEN + sizeof(ip);
	if (is_v4(&p->source) || is_v4(&p->destination))
		return MALFORMED; // never on a wire (RFC 4291 2.5.5.2), and would pass for IPv4 here
	if (ip.next != IPPROTO_TCP && ip.next != IPPROTO_UDP) {
		int reason = parse_extensions(skb, p);
		if (reason)
			return reason;
	}
	return parse_transport(skb, p);
}

static __always_inline int parse_ethernet(struct __sk_buff *skb, struct packet *p)
{
	struct ethhdr ethernet;
	if (load(skb, 0, &ethernet, sizeof(ethernet)))
		return MALFORMED;
	__builtin_memcpy(p->source_mac, ethernet.h_source, 6);
	__builtin_memcpy(p->destination_mac, ethernet.h_dest, 6);
	p->ethertype = skb->vlan_present ? ETH_P_8021Q : bpf_ntohs(ethernet.h_proto);
	if (p->ethertype == ETH_P_ARP)
		p->transport.exempt = EXEMPT_SENDING | EXEMPT_RECEIVING;
	p->key.vni = p->vni;
	p->now = bpf_ktime_get_coarse_ns();
	return is_group(p->source_mac) ? MALFORMED : PASSED;
}
