// SPDX-License-Identifier: GPL-2.0
//
// The way a packet takes from here, and the flow that it is of.

static __always_inline __u32 length_of(struct __sk_buff *skb, const struct packet *p)
{
	if (!skb->gso_size)
		return skb->len - ETH_HLEN;
	return headers(p) - ETH_HLEN + skb->gso_size;
}

// A packet to a router's interface: what the router makes of it, as far as it concerns the way.
static __always_inline int begin_way(struct __sk_buff *skb, struct packet *p, struct where *where)
{
	struct way *way = &p->way;
	way->router = way->first = where->router;
	way->domain = where->vtep.word[0];
	way->at = p->vni;
	way->to = 0;
	p->key.vni = way->domain;
	p->length = length_of(skb, p);
	return find_way(p);
}

// A packet that another host has routed: only in networks where that router is.
static __always_inline int arrive(struct packet *p)
{
	const __u8 *mac = p->source_mac;
	struct interface_key key = {.router = mac[3] << 16 | mac[4] << 8 | mac[5],
				    .vni = p->vni,
				    .family = p->ethertype == ETH_P_IP ? 4 : 6};
	if (is_group(p->destination_mac) ||
	    (p->ethertype != ETH_P_IP && p->ethertype != ETH_P_IPV6))
		return SPOOFED_MAC;
	struct interface *interface = bpf_map_lookup_elem(&interfaces, &key);
	if (!interface)
		return SPOOFED_MAC;
	p->way.router = key.router;
	p->way.from = 0;
	p->key.vni = interface->domain;
	__builtin_memcpy(p->way.mac, p->destination_mac, 6);
	__builtin_memcpy(p->way.own_mac, interface->mac, 6);
	return PASSED;
}

static __always_inline struct flow *flow_of(struct __sk_buff *skb, struct packet *p)
{
	if (is_group(p->destination_mac)) {
		p->transport.kind = SINGLE;
	} else if (p->transport.kind == FLOW) {
		p->from_high = make_key(&p->key, &p->source, &p->destination, &p->transport);
		return find_flow(p);
	} else if (p->transport.kind == ERROR && (p->served || parse_error(skb, p))) {
		return find_flow(p);
	}
	return NULL;
}
