// SPDX-License-Identifier: GPL-2.0
//
// Flows: found by either direction, judged once, remembered until they end.

static __always_inline struct route *route_of(__u32 router, const union address *address)
{
	struct route_key key = {.prefixlen = 160, .router = router, .address = *address};
	if (!is_v4(address))
		key.router |= IPV6_ROUTE;
	return bpf_map_lookup_elem(&routes, &key);
}

// The network in which a router of ours finds the address, through several if need be.
SUBPROGRAM __u32 home_of(__u32 router, const union address *address)
{
	REQUIRE(address);
	for (int i = 0; i < ROUTERS; i++) {
		struct route *route = route_of(router, address);
		if (!route || route->own)
			return 0;
		struct hop *hop = &route->hop[0];
		if (unspecified(&hop->address))
			return hop->vni;
		struct neighbour *neighbour = neighbour_of(hop->vni, &hop->address);
		struct where *where = neighbour ? where_is(hop->vni, neighbour->mac) : NULL;
		if (!where || !where->router)
			return hop->vni;
		router = where->router;
	}
	return 0;
}

// Where the groups of one of the packet's ends are known.
static __always_inline __u32 network_of(struct packet *p, bool source)
{
	if (!source)
		return p->way.to;
	if (p->way.router && !p->way.first && !p->way.from)
		p->way.from = home_of(p->way.router, &p->source);
	return p->way.from;
}

static __always_inline bool has_icmp(const struct packet *p)
{
	return p->transport.protocol == (p->ethertype == ETH_P_IP ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

// Puts the two ends in order; says whether the sender is the high one.
SUBPROGRAM int make_key(struct flow_key *key, const union address *source,
			       const union address *destination,
			       const struct transport *transport)
{
	REQUIRE(key && source && destination && transport);
	bool high = source->half[0] != destination->half[0]
			    ? source->half[0] > destination->half[0]
		    : source->half[1] != destination->half[1]
			    ? source->half[1] > destination->half[1]
			    : transport->source_port > transport->destination_port;
	key->low = high ? *destination : *source;
	key->high = high ? *source : *destination;
	key->low_port = high ? transport->destination_port : transport->source_port;
	key->high_port = high ? transport->source_port : transport->destination_port;
	key->protocol = transport->protocol;
	if (transport->echo) // who asks is part of the key: two hosts may ping with one identifier
		key->high_port = (transport->echo == REQUEST) == high;
	return high;
}

// Another CPU may have written a time that is a little later than ours: no time has passed then.
static __always_inline __u64 since(const struct packet *p, __u64 then)
{
	__s64 passed = p->now - then;
	return passed > 0 ? passed : 0;
}

// How long a silent flow is remembered (nf_conntrack's defaults).
static __always_inline __u64 lifetime(__u8 protocol, __u8 state)
{
	switch (protocol) {
	case IPPROTO_TCP:
		if (state & RESET)
			return 10 * SECOND;
		if ((state & FIN_SENT) && (state & FIN_REPLIED))
			return 60 * SECOND;
		if (state & (FIN_SENT | FIN_REPLIED))
			return 120 * SECOND;
		return (state & REPLIED ? 432000 : 120) * SECOND;
	case IPPROTO_UDP:
		return (state & REPLIED ? 180 : 30) * SECOND;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 30 * SECOND;
	}
	return 600 * SECOND;
}

// A connection request where an older connection has ended, or was cut, begins a new flow.
static __always_inline bool begins_anew(const struct packet *p, const struct flow *flow)
{
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return false;
	return flow->state & (RESET | FIN_SENT | FIN_REPLIED | REVOKED);
}

static __noinline struct flow *new_flow(struct packet *p)
{
	__u32 zero = 0;
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	if (!own)
		return NULL;
	struct flow *flow = &own->flow;
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->from_high = p->from_high;
	flow->icmp = p->transport.icmp;
	p->fresh = FRESH;
	return flow;
}

// The flow of a packet, made if there is none; NULL where only a flow already known would matter.
static __always_inline struct flow *find_flow(struct packet *p)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &p->key);
	if (flow && since(p, flow->seen) < lifetime(p->key.protocol, flow->state) &&
	    !begins_anew(p, flow))
		return flow;
	if (p->transport.kind == ERROR || p->transport.echo == REPLY) {
		p->transport.kind = SINGLE;
		return NULL;
	}
	bool stale = flow;
	flow = new_flow(p);
	if (stale)
		p->fresh = STALE;
	return flow;
}

// In the place of the one that had its key before, which is cheaper than one from the free list.
SUBPROGRAM int keep_flow(struct packet *p, struct flow *flow)
{
	REQUIRE(p && flow);
	struct flow *stale = p->fresh == STALE ? bpf_map_lookup_elem(&flows, &p->key) : NULL;
	if (stale)
		*stale = *flow;
	else
		bpf_map_update_elem(&flows, &p->key, flow, BPF_ANY);
	return 0;
}

// Re-evaluates the originator's direction of a flow against the policy as it is now.
SUBPROGRAM int judge(struct packet *p, struct flow *flow, struct half *half, __u64 policy,
			    __u32 side)
{
	REQUIRE(p && flow && half);
	struct flow_key *key = &p->key;
	bool remote_high = (side == EGRESS) != flow->from_high;
	__be16 port = flow->from_high ? key->low_port : key->high_port;
	if (key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6)
		port = flow->icmp;
	if (!allows(policy, side, remote_high ? &key->high : &key->low,
		    what_of(key->protocol, port), network_of(p, remote_high == p->from_high))) {
		half->policy = 0;
		flow->state |= REVOKED;
		return 0;
	}
	half->policy = policy;
	half->checked = p->now;
	return 1;
}

// May this packet leave (EGRESS) or enter (INGRESS) a port with this policy?
static __always_inline bool may(struct packet *p, struct flow *flow, __u64 policy, __u32 way)
{
	if (p->transport.kind == OTHER || !policy)
		return false;
	if (!flow) {
		__be16 port = has_icmp(p) ? p->transport.icmp : p->transport.destination_port;
		return allows(policy, way, way == EGRESS ? &p->destination : &p->source,
			      what_of(p->transport.protocol, port),
			      network_of(p, way == INGRESS));
	}
	p->judged = 1;
	bool reply = p->from_high != flow->from_high;
	__u32 side = reply ? !way : way;
	struct half *half = side == EGRESS ? &flow->egress : &flow->ingress;
	if (half->policy == policy && since(p, half->checked) < SECOND)
		return true;
	return judge(p, flow, half, policy, side);
}

// The packet passes: its flow is alive, and a step further.
static __always_inline void remember(struct packet *p, struct flow *flow)
{
	if (!flow || !p->judged || p->transport.kind != FLOW)
		return;
	bool reply = p->from_high != flow->from_high;
	__u8 state = flow->state & ~REVOKED;
	if (reply)
		state |= REPLIED;
	if (p->tcp_flags & TCP_FIN)
		state |= reply ? FIN_REPLIED : FIN_SENT;
	if (p->tcp_flags & TCP_RST)
		state |= RESET;
	if (state != flow->state)
		flow->state = state;
	if (since(p, flow->seen) > SECOND)
		flow->seen = p->now;
	if (p->fresh)
		keep_flow(p, flow);
}
