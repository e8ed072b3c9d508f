// SPDX-License-Identifier: GPL-2.0
//
// Copies for all who may hear: broadcast, multicast.

struct copying {
	struct __sk_buff *skb;
	struct packet *packet;
	__u32 list; // network, or domain, in `flood`
	__u32 first;
	__u32 vxlan;
	__u32 copies;
};

static __always_inline struct where *copy_to(__u32 index, struct copying *c)
{
	struct flood_key key = {.vni = c->list, .index = c->first + index};
	return bpf_map_lookup_elem(&flood, &key);
}

static __always_inline bool copy_may_enter(struct packet *p, struct port *port)
{
	if (!(port->flags & PORT_SECURITY) || (p->transport.exempt & EXEMPT_RECEIVING))
		return true;
	return may(p, NULL, port->policy, INGRESS);
}

static long copy_to_port(__u32 index, void *context)
{
	struct copying *c = context;
	struct where *where = copy_to(index, c);
	if (!where)
		return 1;
	__u32 ifindex = where->ifindex;
	if (ifindex == c->packet->ifindex)
		return 0;
	struct port *port = bpf_map_lookup_elem(&ports, &ifindex);
	if (!port || !(port->flags & ADMIN_UP))
		return 0;
	if (!copy_may_enter(c->packet, port)) {
		count_drop(FILTERED_COPY, ifindex);
		return 0;
	}
	if ((port->flags & LIMITED_INGRESS) && over_limit(c->skb, c->packet, ifindex, INGRESS)) {
		count_drop(OVER_LIMIT, ifindex);
		return 0;
	}
	count_in(c->skb, ifindex);
	bpf_clone_redirect(c->skb, ifindex, 0);
	c->copies++;
	return 0;
}

static long copy_to_vtep(__u32 index, void *context)
{
	struct copying *c = context;
	struct where *where = copy_to(index, c);
	if (!where)
		return 1;
	if (!set_tunnel(c->skb, c->packet->vni, &where->vtep, c->packet->mark)) {
		bpf_clone_redirect(c->skb, c->vxlan, 0);
		c->copies++;
	}
	return 0;
}

// Within the network only; what came from the overlay has been given to the other hosts already.
SUBPROGRAM int flood_packet(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	struct copying c = {.skb = skb, .packet = p, .list = p->vni, .vxlan = vxlan_ifindex()};
	__u32 vni = p->vni;
	bpf_loop(REMOTE, copy_to_port, &c, 0);
	c.first = REMOTE;
	__u32 *domain = p->announces ? bpf_map_lookup_elem(&networks, &vni) : NULL;
	if (domain && *domain) { // all that route to it must know
		c.list = *domain;
		c.first = MEMBERS;
	}
	if (p->ifindex && c.vxlan)
		bpf_loop(REMOTE, copy_to_vtep, &c, 0);
	skb->cb[2] = c.copies;
	return TC_ACT_SHOT; // the original: all copies are on their way
}
