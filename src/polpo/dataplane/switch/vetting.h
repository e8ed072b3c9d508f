// SPDX-License-Identifier: GPL-2.0
//
// No impostors: sources, and what only a network's own services may send.

// Would an answer go back into the network that the packet came from? (RFC 3704, strict)
SUBPROGRAM int comes_back(struct packet *p)
{
	REQUIRE(p);
	struct route *route = route_of(p->way.first, &p->source);
	const __u8 *source = p->source.byte;
	if (source[0] == 0xfe && (source[1] & 0xc0) == 0x80)
		return 0; // whatever routes say, link-local sources stay on their link (RFC 4291 2.5.6)
	if (!route || route->own)
		return 0;
	for (int i = 0; i < HOPS; i++) {
		if (i < route->total && route->hop[i].vni == p->vni)
			return 1;
	}
	return 0;
}

static __always_inline bool is_astray(struct packet *p)
{
	bool asks_router = p->way.own && p->way.router == p->way.first;
	return p->way.first && !asks_router && !comes_back(p);
}

// Secured ports send from their own addresses only. Checked once a second for each flow.
static __always_inline int vet_source(struct packet *p, struct flow *flow)
{
	struct source *source = NULL;
	if (flow && p->transport.kind == FLOW) {
		source = p->from_high ? &flow->high : &flow->low;
		if (source->ifindex == p->ifindex && same_mac(source->mac, p->source_mac) &&
		    since(p, source->verified) < SECOND)
			return PASSED;
	}
	int kind = allowed_kind(p->ifindex, p->source_mac, &p->source);
	if (!kind)
		return mac_allowed(p->ifindex, p->source_mac) ? SPOOFED_ADDRESS : SPOOFED_MAC;
	if (kind == MAC_ONLY && !(p->transport.exempt & EXEMPT_SENDING))
		return SPOOFED_ADDRESS;
	if (is_astray(p))
		return REVERSE_PATH;
	if (source) {
		source->verified = p->now;
		source->ifindex = p->ifindex;
		__builtin_memcpy(source->mac, p->source_mac, 6);
	}
	return PASSED;
}

// Things that only the network itself may say.
static __always_inline int vet_service(struct packet *p)
{
	struct transport *t = &p->transport;
	if (t->protocol == IPPROTO_UDP &&
	    t->source_port == (p->ethertype == ETH_P_IP ? bpf_htons(67) : bpf_htons(547)))
		return DHCP_SERVER;
	if (t->protocol == IPPROTO_ICMPV6 && p->ethertype == ETH_P_IPV6 &&
	    (*(__u8 *)&t->icmp == 134 || *(__u8 *)&t->icmp == 137))
		return ROUTER_ADVERTISEMENT;
	return PASSED;
}
