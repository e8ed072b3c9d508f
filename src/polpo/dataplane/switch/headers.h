// SPDX-License-Identifier: GPL-2.0
//
// Headers written anew: addresses, ports, hop limits, their checksums.

static __always_inline void set_hop_limit(struct __sk_buff *skb, struct packet *p, __u8 limit)
{
	struct {
		__u8 limit;
		__u8 protocol;
		__be16 checksum;
	} now = {.limit = limit, .protocol = p->fragment_protocol};
	if (p->ethertype == ETH_P_IPV6) {
		bpf_skb_store_bytes(skb, ETH_HLEN + 7, &limit, 1, BPF_F_RECOMPUTE_CSUM);
		return;
	}
	__u8 before[2] = {p->hop_limit, p->fragment_protocol};
	now.checksum = changed(p->checksum, *(__be16 *)before, *(__be16 *)&now);
	bpf_skb_store_bytes(skb, ETH_HLEN + 8, &now, sizeof(now), 0);
}

static __always_inline void set_macs(struct __sk_buff *skb, const __u8 *source,
				     const __u8 *destination)
{
	__u8 macs[12];
	__builtin_memcpy(macs, destination, 6);
	__builtin_memcpy(macs + 6, source, 6);
	bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
}

// Where the checksum of layer 4 is, and how it is to be changed: one of 0 is none, in UDP.
static __always_inline __u32 sum_at(const struct packet *p)
{
	return p->offset + (p->transport.protocol == IPPROTO_UDP ? 6 : 16);
}

static __always_inline __u32 sum_flags(const struct packet *p)
{
	return p->transport.protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
}

// Another source or destination, and the checksums with it.
static __always_inline void set_end(struct __sk_buff *skb, struct packet *p, bool source,
				    const union address *from, const union address *to)
{
	__u32 flags = BPF_F_PSEUDO_HDR | sum_flags(p);
	if (p->ethertype == ETH_P_IP) {
		if (!p->later)
			bpf_l4_csum_replace(skb, sum_at(p), from->word[3], to->word[3], flags | 4);
		bpf_l3_csum_replace(skb, ETH_HLEN + 10, from->word[3], to->word[3], 4);
		bpf_skb_store_bytes(skb, ETH_HLEN + (source ? 12 : 16), &to->word[3], 4, 0);
		return;
	}
	__s64 diff = bpf_csum_diff((__be32 *)from, 16, (__be32 *)to, 16, 0);
	if (!p->later)
		bpf_l4_csum_replace(skb, sum_at(p), 0, diff, flags);
	bpf_skb_store_bytes(skb, ETH_HLEN + (source ? 8 : 24), to, 16, 0);
}

static __always_inline void set_l4_port(struct __sk_buff *skb, struct packet *p, bool source,
					__be16 from, __be16 to)
{
	if (p->later || from == to)
		return;
	bpf_l4_csum_replace(skb, sum_at(p), from, to, sum_flags(p) | 2);
	bpf_skb_store_bytes(skb, p->offset + (source ? 0 : 2), &to, 2, 0);
}
