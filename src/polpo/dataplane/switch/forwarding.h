// SPDX-License-Identifier: GPL-2.0
//
// Within a network: to a port, a guest, a group, another host.

static __always_inline int leave(struct packet *p, struct flow *flow, struct port *sender)
{
	int reason = vet_source(p, flow);
	if (!reason)
		reason = vet_service(p);
	if (reason || (p->transport.exempt & EXEMPT_SENDING))
		return reason;
	return may(p, flow, sender->policy, EGRESS) ? PASSED : EGRESS_POLICY;
}

// An answer of a service to who came by one of the host's own devices: out by the same one.
static __always_inline int to_guest(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	struct turn *turn = &flow->turn;
	set_macs(skb, turn->own_mac, turn->guest_mac);
	skb->cb[1] = turn->device;
	skb->cb[4] = 0;
	return bpf_redirect(turn->device, 0);
}

static __always_inline int enter(struct __sk_buff *skb, struct packet *p, struct flow *flow,
				 __u32 ifindex, struct port *receiver)
{
	receiver = receiver ?: bpf_map_lookup_elem(&ports, &ifindex);
	if (ifindex == p->ifindex)
		return drop(skb, HAIRPIN, ifindex);
	if (!receiver || !(receiver->flags & ADMIN_UP))
		return drop(skb, DESTINATION_DOWN, ifindex);
	if ((receiver->flags & PORT_SECURITY) && !(p->transport.exempt & EXEMPT_RECEIVING) &&
	    !may(p, flow, receiver->policy, INGRESS))
		return deny(skb, p, flow, INGRESS_POLICY, ifindex);
	if ((receiver->flags & LIMITED_INGRESS) && over_limit(skb, p, ifindex, INGRESS))
		return drop(skb, OVER_LIMIT, ifindex);
	remember(p, flow);
	if (p->way.router)
		rewrite(skb, p, p->way.own_mac);
	if (p->served)
		turn(skb, p);
	else if (flow && flow->turned)
		turn_back(skb, p, flow);
	if (!p->served && flow && flow->turned && flow->turn.device &&
	    p->from_high != flow->turn.client_high)
		return to_guest(skb, p, flow);
	return to_port(skb, ifindex, receiver);
}

static __always_inline int unknown_destination(struct __sk_buff *skb, struct packet *p)
{
	__u32 vni = p->vni;
	bool carried = p->ifindex || bpf_map_lookup_elem(&networks, &vni);
	return drop(skb, carried ? UNKNOWN_DESTINATION : UNKNOWN_VNI, p->ifindex);
}

static __always_inline int forward_to(struct __sk_buff *skb, struct packet *p, struct flow *flow,
				      struct where *where, struct port *receiver)
{
	if (!where || where->router || (!where->ifindex && !p->ifindex))
		return unknown_destination(skb, p);
	if (where->ifindex)
		return enter(skb, p, flow, where->ifindex, receiver);
	remember(p, flow);
	return to_overlay(skb, p, &where->vtep);
}

static __always_inline int to_group(struct __sk_buff *skb, struct packet *p)
{
	__u32 vni = p->vni;
	if (!p->ifindex && !bpf_map_lookup_elem(&networks, &vni))
		return drop(skb, UNKNOWN_VNI, 0);
	return flood_packet(skb, p);
}

static __always_inline int forward(struct __sk_buff *skb, struct packet *p)
{
	if (shape(skb, p))
		return drop(skb, OVER_LIMIT, p->ifindex);
	if (is_group(p->destination_mac))
		return to_group(skb, p);
	return forward_to(skb, p, NULL, where_is(p->vni, p->destination_mac), NULL);
}
