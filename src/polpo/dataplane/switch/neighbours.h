// SPDX-License-Identifier: GPL-2.0
//
// Neighbour discovery: the same for IPv6.

struct solicitation { // or advertisement
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags;
	union address target;
};

struct advertisement {
	struct ipv6 ip;
	struct solicitation nd;
	__u8 option[2];
	__u8 mac[6];
};

SUBPROGRAM int answer_nd(struct __sk_buff *skb, struct packet *p, union address *target,
				struct neighbour *neighbour)
{
	REQUIRE(p && target && neighbour);
	struct advertisement a = {.option = {2, 1}};
	struct ethhdr ethernet = {.h_proto = bpf_htons(ETH_P_IPV6)};
	bool probe = unspecified(&p->source); // duplicate address detection
	a.ip.flow = bpf_htonl(6U << 28);
	a.ip.length = bpf_htons(32);
	a.ip.next = IPPROTO_ICMPV6;
	a.ip.hop_limit = 255;
	a.ip.source = a.nd.target = *target;
	a.ip.destination = p->source;
	a.nd.type = 136;
	a.nd.flags = bpf_htonl((probe ? 1U << 29 : 3U << 29) | // override, and solicited
			       (neighbour->router ? 1U << 31 : 0));
	__builtin_memcpy(ethernet.h_dest, p->source_mac, 6);
	if (probe) { // to all nodes
		a.ip.destination.word[0] = bpf_htonl(0xff020000);
		a.ip.destination.word[3] = bpf_htonl(1);
		__builtin_memset(ethernet.h_dest, 0, 6);
		ethernet.h_dest[0] = ethernet.h_dest[1] = 0x33;
		ethernet.h_dest[5] = 1;
	}
	__builtin_memcpy(a.mac, neighbour->mac, 6);
	__builtin_memcpy(ethernet.h_source, neighbour->mac, 6);
	a.nd.checksum = fold(bpf_csum_diff(NULL, 0, (__be32 *)&a.ip.source, 64,
					   bpf_htonl(32 + IPPROTO_ICMPV6)));
	bpf_skb_change_tail(skb, ETH_HLEN + sizeof(a), 0);
	bpf_skb_store_bytes(skb, 0, &ethernet, sizeof(ethernet), 0);
	bpf_skb_store_bytes(skb, ETH_HLEN, &a, sizeof(a), 0);
	return answer(skb);
}

static __always_inline bool is_nd(const struct packet *p)
{
	__u8 type = *(__u8 *)&p->transport.icmp;
	return p->ethertype == ETH_P_IPV6 && p->transport.protocol == IPPROTO_ICMPV6 &&
	       type >= 133 && type <= 137;
}

// Never from beyond a router (hop limit), never in fragments (RFC 6980).
static __always_inline int parse_nd(struct __sk_buff *skb, struct packet *p,
				    struct solicitation *nd)
{
	__u8 type = *(__u8 *)&p->transport.icmp;
	if (p->hop_limit != 255 || p->later || p->more)
		return MALFORMED;
	if (type != 135 && type != 136)
		return PASSED;
	return bpf_skb_load_bytes(skb, p->offset, nd, sizeof(*nd)) ? MALFORMED : PASSED;
}

// The MAC that an advertisement gives for its target: option 2, or else the sender's.
static __always_inline void advertised(struct __sk_buff *skb, struct packet *p, __u8 *mac)
{
	__u8 option[8];
	if (!bpf_skb_load_bytes(skb, p->offset + 24, option, 8) && option[0] == 2 && option[1] == 1)
		__builtin_memcpy(mac, option + 2, 6);
	else
		__builtin_memcpy(mac, p->source_mac, 6);
}

SUBPROGRAM int advertisement_from_port(struct __sk_buff *skb, struct packet *p,
					      union address *target, bool secured)
{
	REQUIRE(p && target);
	struct where here = {.ifindex = p->ifindex};
	__u8 mac[6];
	advertised(skb, p, mac);
	int kind = secured ? allowed_kind(p->ifindex, mac, target) : PAIR;
	if (!kind || kind == MAC_ONLY)
		return SPOOFED_NEIGHBOUR;
	if (kind == PAIR)
		p->announces = learn(p->vni, target, mac, &here);
	return PASSED;
}

SUBPROGRAM int nd_from_port(struct __sk_buff *skb, struct packet *p, struct port *port)
{
	REQUIRE(p && port);
	struct solicitation nd = {};
	bool secured = port->flags & PORT_SECURITY;
	int reason = parse_nd(skb, p, &nd);
	if (!reason && secured)
		reason = vet_source(p, NULL);
	if (!reason && secured)
		reason = vet_service(p);
	if (!reason && nd.type == 136)
		reason = advertisement_from_port(skb, p, &nd.target, secured);
	if (reason)
		return drop(skb, reason, p->ifindex);
	if (port->flags & question(p))
		return ask(skb, p);
	struct neighbour *neighbour = nd.type == 135 ? answerable(p, &nd.target) : NULL;
	return neighbour ? answer_nd(skb, p, &nd.target, neighbour) : forward(skb, p);
}

SUBPROGRAM int nd_from_overlay(struct __sk_buff *skb, struct packet *p,
				      const union address *vtep)
{
	REQUIRE(p && vtep);
	struct where there = {.vtep = *vtep};
	struct solicitation nd = {};
	__u8 mac[6];
	if (parse_nd(skb, p, &nd))
		return drop(skb, MALFORMED, 0);
	if (nd.type == 136) {
		advertised(skb, p, mac);
		learn(p->vni, &nd.target, mac, &there);
	}
	return forward(skb, p);
}
