// SPDX-License-Identifier: GPL-2.0
//
// What ports have sent, got and lost; what test runs can see.

// What test runs can see: cb[0] the reason, cb[1] where it went, cb[2] copies made,
// cb[3] the end of the address of the other host, cb[4] the network that a routed packet goes to.
#define TO_AGENT 0xffffffff // cb[1]

static __noinline struct counter *new_counter(__u32 ifindex)
{
	struct counter zero = {};
	bpf_map_update_elem(&counters, &ifindex, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&counters, &ifindex);
}

static __always_inline struct counter *counter_of(__u32 ifindex)
{
	return bpf_map_lookup_elem(&counters, &ifindex) ?: new_counter(ifindex);
}

static __always_inline __u32 packets(struct __sk_buff *skb)
{
	return skb->gso_segs ?: 1;
}

static __always_inline void count_in(struct __sk_buff *skb, __u32 ifindex)
{
	struct counter *counter = counter_of(ifindex);
	if (counter) {
		counter->packets_in += packets(skb);
		counter->bytes_in += skb->len;
	}
}

static __always_inline void count_out(struct __sk_buff *skb, __u32 ifindex)
{
	struct counter *counter = counter_of(ifindex);
	if (counter) {
		counter->packets_out += packets(skb);
		counter->bytes_out += skb->len;
	}
}

static __noinline void count_drop(enum reason reason, __u32 ifindex)
{
	__u64 *drop = bpf_map_lookup_elem(&drops, &reason);
	if (drop)
		*drop += 1;
	struct counter *counter = ifindex ? counter_of(ifindex) : NULL;
	if (counter)
		counter->dropped += 1;
}

static __always_inline int drop(struct __sk_buff *skb, __u32 reason, __u32 ifindex)
{
	count_drop(reason, ifindex);
	skb->cb[0] = reason;
	return TC_ACT_SHOT;
}
