// SPDX-License-Identifier: GPL-2.0
//
// The packet that an ICMP error is about.

// The ends of the packet that an ICMP error is about, into `scratch`; 0 for what has none.
SUBPROGRAM int read_quoted(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	__u32 zero = 0, offset = p->offset + 8;
	__u8 start[8];
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	if (!own)
		return 0;
	struct quoted *q = &own->quoted;
	struct transport *t = &q->transport;
	__builtin_memset(t, 0, sizeof(*t));
	if (p->ethertype == ETH_P_IP) {
		struct ipv4 ip;
		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) ||
		    (bpf_ntohs(ip.fragment) & 0x1fff))
			return 0;
		set_v4(&q->source, ip.source);
		set_v4(&q->destination, ip.destination);
		t->protocol = ip.protocol;
		offset += (ip.version_ihl & 15) * 4;
	} else {
		struct ipv6 ip;
		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)))
			return 0;
		q->source = ip.source;
		q->destination = ip.destination;
		t->protocol = ip.next;
		offset += sizeof(ip);
	}
	if (bpf_skb_load_bytes(skb, offset, start, sizeof(start)))
		return 0;
	bool request = p->ethertype == ETH_P_IP ? start[0] == 8 : start[0] == 128;
	bool reply = p->ethertype == ETH_P_IP ? start[0] == 0 : start[0] == 129;
	switch (t->protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (!request && !reply)
			return 0;
		t->echo = request ? REQUEST : REPLY;
		t->source_port = t->destination_port = *(__be16 *)(start + 4);
		break;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		t->source_port = *(__be16 *)start;
		t->destination_port = *(__be16 *)(start + 2);
	}
	return 1;
}

static __always_inline struct quoted *quoted_in(struct __sk_buff *skb, struct packet *p)
{
	__u32 zero = 0;
	struct scratch *own = read_quoted(skb, p) ? bpf_map_lookup_elem(&scratch, &zero) : NULL;
	return own ? &own->quoted : NULL;
}

// What an ICMP error is about: a packet of the flow whose other direction the error takes.
SUBPROGRAM int parse_error(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	struct quoted *q = quoted_in(skb, p);
	if (!q)
		return 0;
	p->from_high = !make_key(&p->key, &q->source, &q->destination, &q->transport);
	return 1;
}
