// SPDX-License-Identifier: GPL-2.0
//
// What the agent is asked, and told: DHCP, router solicitations, denials.

// What this packet asks of the agent: one of the ASKS_ flags, 0 if nothing.
static __always_inline __u16 question(const struct packet *p)
{
	const struct transport *t = &p->transport;
	bool ipv4 = p->ethertype == ETH_P_IP;
	if (t->protocol == IPPROTO_UDP) {
		if (ipv4 && t->source_port == bpf_htons(68) && t->destination_port == bpf_htons(67))
			return ASKS_DHCPV4;
		if (!ipv4 && t->source_port == bpf_htons(546) &&
		    t->destination_port == bpf_htons(547))
			return ASKS_DHCPV6;
	}
	bool solicits = t->protocol == IPPROTO_ICMPV6 && *(__u8 *)&t->icmp == 133;
	return !ipv4 && solicits ? ASKS_ROUTER : 0;
}

// `who` is a port's ifindex: alone for questions to the agent, with CALLING for connections to the
// metadata service, with DENYING for what is told of it.
static __always_inline bool may_ask(const struct packet *p, __u32 who, __u32 most)
{
	struct allowance first = {.second = p->now / SECOND, .asked = 1};
	struct allowance *allowance = bpf_map_lookup_elem(&allowances, &who);
	if (!allowance) {
		bpf_map_update_elem(&allowances, &who, &first, BPF_ANY);
		return true;
	}
	if (allowance->second != first.second) {
		allowance->second = first.second;
		allowance->asked = 0;
	}
	if (allowance->asked >= most)
		return false;
	__sync_fetch_and_add(&allowance->asked, 1);
	return true;
}

// Counts what a policy denies, and tells the agent of some of what a port's packets are denied.
SUBPROGRAM int tell_denied(struct packet *p, struct flow *flow, __u32 ifindex, __u32 reason)
{
	REQUIRE(p);
	struct counter *counter = counter_of(ifindex);
	if (counter && reason == INGRESS_POLICY)
		counter->denied_in += 1;
	if (counter && reason == EGRESS_POLICY)
		counter->denied_out += 1;
	if (!may_ask(p, ifindex | DENYING, DENIALS))
		return 0;
	struct denied *record = bpf_ringbuf_reserve(&denied, sizeof(*record), 0);
	if (!record)
		return 0;
	record->ifindex = ifindex;
	record->vni = reason == INGRESS_POLICY ? p->way.from : p->way.to; // as far as it is known
	record->source = p->source;
	record->destination = p->destination;
	record->source_port = p->transport.source_port;
	record->port = has_icmp(p) ? p->transport.icmp : p->transport.destination_port;
	record->protocol = p->transport.protocol;
	record->reason = reason;
	record->reply = flow && p->from_high != flow->from_high;
	record->pad = 0;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __always_inline int deny(struct __sk_buff *skb, struct packet *p, struct flow *flow,
				__u32 reason, __u32 ifindex)
{
	tell_denied(p, flow, ifindex, reason);
	return drop(skb, reason, ifindex);
}

// Hands the packet to the agent, which answers at the port's device: it goes nowhere else.
SUBPROGRAM int ask(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	__u64 length = skb->len; // 64 bits: clang would check a copy of 32, and the verifier object
	if (!may_ask(p, p->ifindex, ASKS))
		return drop(skb, ASKED_TOO_OFTEN, p->ifindex);
	struct asked *record = bpf_ringbuf_reserve(&asked, sizeof(*record), 0);
	if (!record)
		return drop(skb, UNHEARD, p->ifindex);
	record->ifindex = p->ifindex;
	record->length = length;
	if (length > sizeof(record->frame))
		length = sizeof(record->frame);
	if (length < ETH_HLEN || bpf_skb_load_bytes(skb, 0, record->frame, length)) {
		bpf_ringbuf_discard(record, 0);
		return drop(skb, MALFORMED, p->ifindex);
	}
	bpf_ringbuf_submit(record, 0);
	skb->cb[1] = TO_AGENT;
	return TC_ACT_SHOT;
}
