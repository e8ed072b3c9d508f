// SPDX-License-Identifier: GPL-2.0
//
// Those at no port: the host itself, and who comes by its devices.

static __always_inline bool has_services(const struct packet *p)
{
	__u32 zero = 0;
	struct host *own = bpf_map_lookup_elem(&host, &zero);
	return own && own->services && p->transport.kind == FLOW &&
	       (p->transport.protocol == IPPROTO_TCP || p->transport.protocol == IPPROTO_UDP);
}

// The flow knows what its client calls the backend. One flow has one name for it.
static __always_inline int note_turn(struct packet *p, struct flow *flow)
{
	bool turned = flow && flow->turned;
	if (!p->served)
		return turned && p->ifindex && p->from_high == flow->turn.client_high &&
				       p->transport.kind == FLOW
			       ? PORT_TAKEN
			       : PASSED;
	if (!flow || (turned && !is_asked(p, &flow->turn)))
		return PORT_TAKEN;
	if (p->transport.kind == ERROR)
		return turned ? PASSED : PORT_TAKEN;
	if (!turned || p->guest) { // guests' routers may have changed
		flow->turn = p->asked;
		flow->turn.client_high = p->from_high;
		flow->turned = 1;
	}
	p->begins = !turned;
	p->judged = 1;
	return PASSED;
}

static __always_inline bool is_for_guest(const struct packet *p, const struct flow *flow)
{
	return !p->served && flow && flow->turned && flow->turn.device &&
	       p->from_high != flow->turn.client_high && p->way.first &&
	       same(&p->destination, &flow->turn.guest);
}

// What a port answers to a guest that has kept its own address.
SUBPROGRAM int answer_guest(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	REQUIRE(p && flow);
	if (shape(skb, p))
		return drop(skb, OVER_LIMIT, p->ifindex);
	remember(p, flow);
	turn_back(skb, p, flow);
	return to_guest(skb, p, flow);
}

static __always_inline bool is_told(__u32 trouble)
{
	return trouble != NOT_ADMITTED && trouble != NO_LOCAL_BACKEND && trouble != PORT_TAKEN;
}

// The way of what a guest sends: as if the host's own port had sent it.
static __always_inline int way_of_guest(struct __sk_buff *skb, struct packet *p, struct door *door,
					__u32 scope)
{
	struct where *where = where_is(p->vni, door->gateway);
	int trouble = PASSED;
	if (scope != GUESTS)
		scope = (where ? where->router : 0) | BY_ROUTER;
	if (p->transport.kind == ERROR) {
		if (!serve_error(skb, p, where, scope))
			return SPOOFED_ADDRESS;
	} else {
		struct service *service =
			find_service(scope, p->transport.protocol, p->transport.destination_port,
				     &p->destination);
		if (!service)
			return SPOOFED_ADDRESS;
		trouble = serve(p, where, service);
	}
	if (trouble)
		return trouble;
	where = where_is(p->vni, p->next_mac);
	if (!where)
		return UNREACHABLE;
	if (where->router) {
		trouble = begin_way(skb, p, where);
		return trouble ?: p->way.own ? FOR_ROUTER : PASSED;
	}
	p->way.ifindex = where->ifindex;
	p->way.vtep = where->vtep;
	p->way.mtu = door->mtu;
	return length_of(skb, p) > door->mtu ? TOO_BIG : PASSED;
}

SUBPROGRAM int deliver(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	REQUIRE(p);
	if (p->way.ifindex)
		return enter(skb, p, flow, p->way.ifindex, NULL);
	remember(p, flow);
	return to_overlay(skb, p, &p->way.vtep);
}

// A guest is at no port: it comes by a device of the host's own, or is the host itself, under an
// address that is none of its port's. Services are all that it can reach, by the host's port.
SUBPROGRAM int pass_guest(struct __sk_buff *skb, struct packet *p, __u32 ifindex, __u32 device,
			  __u32 scope)
{
	REQUIRE(p);
	struct door *door = bpf_map_lookup_elem(&doors, &ifindex);
	struct port *port = bpf_map_lookup_elem(&ports, &ifindex);
	if (!door || !port || !(port->flags & ADMIN_UP))
		return drop(skb, ADMIN_DOWN, 0);
	p->ifindex = ifindex;
	p->vni = p->key.vni = p->way.from = p->way.to = door->vni;
	p->inner = p->ethertype == ETH_P_IP ? door->address : door->address6;
	if (unspecified(&p->inner))
		return drop(skb, UNREACHABLE, ifindex);
	p->guest = 1;
	__builtin_memset(&p->asked, 0, sizeof(p->asked));
	p->asked.device = device;
	p->asked.guest = p->source;
	__builtin_memcpy(p->asked.guest_mac, p->source_mac, 6);
	__builtin_memcpy(p->asked.own_mac, p->destination_mac, 6);
	__builtin_memcpy(p->source_mac, door->mac, 6);
	__builtin_memcpy(p->destination_mac, door->gateway, 6);
	int trouble = way_of_guest(skb, p, door, scope), reason = trouble;
	struct flow *flow = trouble ? NULL : flow_of(skb, p);
	if (!reason && is_inner(p) && (port->flags & PORT_SECURITY) &&
	    !may(p, flow, port->policy, EGRESS))
		reason = EGRESS_POLICY;
	if (!reason)
		reason = note_turn(p, flow);
	if (trouble && trouble != SPOOFED_ADDRESS && is_told(trouble)) {
		p->source = p->asked.guest;
		return say(skb, p, trouble);
	}
	if (reason)
		return deny(skb, p, flow, reason, ifindex);
	return deliver(skb, p, flow);
}
