// SPDX-License-Identifier: GPL-2.0
//
// ARP: answered, learned from, impostors dropped.

struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
};

static __always_inline int parse_arp(struct __sk_buff *skb, struct arp *arp)
{
	if (bpf_skb_load_bytes(skb, ETH_HLEN, arp, sizeof(*arp)) || arp->hardware != bpf_htons(1) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_length != 6 ||
	    arp->protocol_length != 4)
		return MALFORMED;
	bool known = arp->operation == bpf_htons(1) || arp->operation == bpf_htons(2);
	return known ? PASSED : MALFORMED;
}

static __always_inline bool announces(const struct arp *arp)
{
	return arp->operation == bpf_htons(2) ||
	       *(__u32 *)arp->sender == *(__u32 *)arp->target;
}

static __always_inline int vet_arp(struct packet *p, struct arp *arp, union address *sender)
{
	if (!mac_allowed(p->ifindex, p->source_mac))
		return -SPOOFED_MAC;
	int kind = allowed_kind(p->ifindex, arp->sender_mac, sender);
	if (!kind || (kind == MAC_ONLY && arp->operation != bpf_htons(1)))
		return -SPOOFED_NEIGHBOUR;
	return kind;
}

SUBPROGRAM int answer_arp(struct __sk_buff *skb, struct arp *arp, struct neighbour *neighbour)
{
	REQUIRE(arp && neighbour);
	const __u8 *mac = neighbour->mac;
	struct ethhdr ethernet = {.h_proto = bpf_htons(ETH_P_ARP)};
	struct arp reply = *arp;
	reply.operation = bpf_htons(2);
	__builtin_memcpy(reply.sender_mac, mac, 6);
	__builtin_memcpy(reply.sender, arp->target, 4);
	__builtin_memcpy(reply.target_mac, arp->sender_mac, 6);
	__builtin_memcpy(reply.target, arp->sender, 4);
	__builtin_memcpy(ethernet.h_source, mac, 6);
	__builtin_memcpy(ethernet.h_dest, arp->sender_mac, 6);
	bpf_skb_store_bytes(skb, 0, &ethernet, sizeof(ethernet), 0);
	bpf_skb_store_bytes(skb, ETH_HLEN, &reply, sizeof(reply), 0);
	return answer(skb);
}

// Whoever owns an address is never told that somebody has it (or else it would give it up).
static __always_inline struct neighbour *answerable(struct packet *p, union address *target)
{
	struct neighbour *neighbour = neighbour_of(p->vni, target);
	return neighbour && !same_mac(neighbour->mac, p->source_mac) ? neighbour : NULL;
}

// An address that has moved to the port that says so, or to another host. The stack is short.
static __noinline int learn_from(struct packet *p, const union address *address, const __u8 *mac,
				 const union address *vtep)
{
	struct where where = {.ifindex = p->ifindex};
	if (vtep)
		where.vtep = *vtep;
	return learn(p->vni, address, mac, &where);
}

SUBPROGRAM int arp_from_port(struct __sk_buff *skb, struct packet *p, bool secured)
{
	REQUIRE(p);
	union address address;
	struct arp arp;
	int kind = PAIR;
	if (parse_arp(skb, &arp))
		return drop(skb, MALFORMED, p->ifindex);
	set_v4(&address, *(__be32 *)arp.sender);
	if (secured)
		kind = vet_arp(p, &arp, &address);
	if (kind < 0)
		return drop(skb, -kind, p->ifindex);
	if (announces(&arp)) {
		if (kind == PAIR)
			p->announces = learn_from(p, &address, arp.sender_mac, NULL);
		return forward(skb, p);
	}
	set_v4(&address, *(__be32 *)arp.target);
	struct neighbour *neighbour = answerable(p, &address);
	return neighbour ? answer_arp(skb, &arp, neighbour) : forward(skb, p);
}

SUBPROGRAM int arp_from_overlay(struct __sk_buff *skb, struct packet *p,
				       const union address *vtep)
{
	REQUIRE(p && vtep);
	union address address;
	struct arp arp;
	if (parse_arp(skb, &arp))
		return drop(skb, MALFORMED, 0);
	set_v4(&address, *(__be32 *)arp.sender);
	if (announces(&arp) && *(__u32 *)arp.sender)
		learn_from(p, &address, arp.sender_mac, vtep);
	return forward(skb, p);
}
