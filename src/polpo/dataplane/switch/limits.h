// SPDX-License-Identifier: GPL-2.0
//
// What ports may send and get each second, and the marks of their packets.

// The sum with one of its words changed (RFC 1624, equation 3).
static __always_inline __be16 changed(__be16 sum, __be16 from, __be16 to)
{
	__u32 value = (__u32)(__u16)~sum + (__u16)~from + to;
	value = (value & 0xffff) + (value >> 16);
	value = (value & 0xffff) + (value >> 16);
	return ~value;
}

static __always_inline __u32 headers(const struct packet *p)
{
	return p->offset + (p->transport.protocol == IPPROTO_TCP ? p->tcp_header : 8);
}

// What the packet takes on a wire: each segment that it stands for has headers of its own.
static __always_inline __u64 bytes_of(struct __sk_buff *skb, const struct packet *p)
{
	__u32 length = skb->len, size = skb->gso_size, header = headers(p);
	if (!size || length <= header)
		return length;
	return length + (__u64)header * ((length - header - 1) / size);
}

static __always_inline struct bucket *bucket_of(const struct limit_key *key, __s64 least)
{
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, key);
	if (bucket)
		return bucket;
	struct bucket full = {.used = least};
	bpf_map_update_elem(&buckets, key, &full, BPF_NOEXIST);
	return bpf_map_lookup_elem(&buckets, key);
}

// A packet takes as much of a port's time as it lasts at the limit's rate. Time that was not used
// is kept, up to `burst`; a packet for which there is not enough of it is over the limit.
SUBPROGRAM int over_limit(struct __sk_buff *skb, struct packet *p, __u32 ifindex, __u32 side)
{
	struct limit_key key = {.ifindex = ifindex, .side = side};
	REQUIRE(p);
	struct limit *limit = bpf_map_lookup_elem(&limits, &key);
	if (!limit || !limit->kbps)
		return 0;
	__s64 now = bpf_ktime_get_ns(), least = now - limit->burst;
	__u64 takes = (bytes_of(skb, p) * NS_KBPS + limit->kbps - 1) / limit->kbps;
	if (takes > limit->burst)
		takes = limit->burst; // or else it would never pass
	struct bucket *bucket = bucket_of(&key, least);
	if (!bucket)
		return 0;
	bpf_spin_lock(&bucket->lock);
	__s64 used = bucket->used > least ? bucket->used : least;
	bool over = used + (__s64)takes > now;
	if (!over)
		bucket->used = used + takes;
	bpf_spin_unlock(&bucket->lock);
	return over;
}

// The DSCP of the port's policy; what ECN says is its owner's.
SUBPROGRAM int set_dscp(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	__u8 now[2] = {0, p->dscp << 2 | (p->tos & 3)}, before[2] = {0, p->tos}, word[2];
	p->mark = p->dscp << 2;
	if (p->ethertype == ETH_P_IP) {
		p->checksum = changed(p->checksum, *(__be16 *)before, *(__be16 *)now);
		bpf_skb_store_bytes(skb, ETH_HLEN + 1, now + 1, 1, 0);
		bpf_skb_store_bytes(skb, ETH_HLEN + 10, &p->checksum, 2, 0);
	} else if (!bpf_skb_load_bytes(skb, ETH_HLEN, word, 2)) {
		word[0] = 0x60 | now[1] >> 4;
		word[1] = now[1] << 4 | (word[1] & 15);
		bpf_skb_store_bytes(skb, ETH_HLEN, word, 2, BPF_F_RECOMPUTE_CSUM);
	}
	return 0;
}

// What the QoS policy of the sending port makes of a packet that may leave.
static __always_inline int shape(struct __sk_buff *skb, struct packet *p)
{
	if ((p->flags & LIMITED_EGRESS) && over_limit(skb, p, p->ifindex, EGRESS))
		return OVER_LIMIT;
	if ((p->flags & MARKED) && (p->ethertype == ETH_P_IP || p->ethertype == ETH_P_IPV6))
		set_dscp(skb, p);
	return PASSED;
}
