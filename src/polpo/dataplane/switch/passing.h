// SPDX-License-Identifier: GPL-2.0
//
// A packet of a port's, from what was parsed to where it goes.

static __always_inline bool is_guarded(const struct port *port)
{
	return port && (port->flags & PORT_SECURITY);
}

static __always_inline struct port *receiver_of(const struct packet *p, const struct where *where)
{
	__u32 ifindex = p->way.first ? p->way.ifindex : where ? where->ifindex : 0;
	return ifindex ? bpf_map_lookup_elem(&ports, &ifindex) : NULL;
}

// An IP packet; `sender` is NULL from the overlay, where the sender's host has checked it.
static __always_inline int pass(struct __sk_buff *skb, struct packet *p, struct port *sender)
{
	bool group = is_group(p->destination_mac);
	struct where *where = group ? NULL : where_is(p->vni, p->destination_mac);
	int reason, trouble = PASSED;
	bool calls = sender && !group && (sender->flags & ASKS_METADATA) && calls_metadata(p);
	bool served = sender && !calls && !group && has_services(p);
	if (sender && !calls && !group && (served || p->transport.kind == ERROR)) {
		trouble = seek_service(skb, p, where);
		if (p->served && !p->own)
			where = where_is(p->vni, p->next_mac);
	}
	if (served && (p->own || is_own_voice(p, &p->destination))) {
		reason = sender->flags & PORT_SECURITY ? vet_source(p, NULL) : PASSED;
		int done = reason ? drop(skb, reason, p->ifindex)
			   : p->own ? turn_round(skb, p, sender, where)
				    : turn_round_back(skb, p, sender);
		if (done != TC_ACT_UNSPEC)
			return done;
	}
	if (sender && !calls && !trouble && where && where->router)
		trouble = begin_way(skb, p, where);
	// Between two whom nobody guards, here, and without services, no flow says anything.
	struct port *receiver = is_guarded(sender) ? NULL : receiver_of(p, where);
	bool looks = group || is_guarded(sender) || is_guarded(receiver) || what_services();
	struct flow *flow = looks ? flow_of(skb, p) : NULL;
	if (is_guarded(sender))
		reason = leave(p, flow, sender);
	else
		reason = sender && is_astray(p) ? REVERSE_PATH : PASSED;
	if (!reason && sender && is_for_guest(p, flow))
		return answer_guest(skb, p, flow);
	if (!reason && trouble == NOT_ADMITTED)
		reason = trouble;
	if (!reason && !trouble)
		reason = note_turn(p, flow);
	if (reason)
		return deny(skb, p, flow, reason, p->ifindex);
	if (sender && (sender->flags & question(p)))
		return ask(skb, p);
	if (shape(skb, p))
		return drop(skb, OVER_LIMIT, p->ifindex);
	if (calls)
		return to_metadata(skb, p);
	if (p->way.first)
		return route_packet(skb, p, flow, trouble);
	if (trouble)
		return trouble == NO_BACKEND ? say(skb, p, trouble) : drop(skb, trouble, p->ifindex);
	return group ? to_group(skb, p) : forward_to(skb, p, flow, where, receiver);
}
