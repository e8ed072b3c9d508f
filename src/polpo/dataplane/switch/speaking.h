// SPDX-License-Identifier: GPL-2.0
//
// What routers say themselves: ICMP errors, answers to ping.

struct icmp_error {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

static __always_inline void set_kind(struct packet *p, struct icmp_error *icmp, __u32 reason)
{
	bool ipv4 = p->ethertype == ETH_P_IP;
	bool ports = p->transport.protocol == IPPROTO_UDP || p->transport.protocol == IPPROTO_TCP;
	icmp->type = ipv4 ? 3 : 1;
	switch (reason) {
	case TIME_EXCEEDED:
		icmp->type = ipv4 ? 11 : 3;
		break;
	case TOO_BIG:
		icmp->type = ipv4 ? 3 : 2;
		icmp->code = ipv4 ? 4 : 0;
		icmp->rest = bpf_htonl(p->way.mtu);
		break;
	case UNREACHABLE:
		icmp->code = ipv4 ? 1 : 3;
		break;
	case NO_BACKEND:
	case FOR_ROUTER:
		icmp->code = !ipv4 ? 4 : ports ? 3 : 2;
	}
}

static __always_inline __be16 fold(__s64 sum)
{
	__u32 value = sum;
	value = (value & 0xffff) + (value >> 16);
	value = (value & 0xffff) + (value >> 16);
	return ~value;
}

// Errors are not told about errors, nor to more than one (RFC 1812 4.3.2.7, RFC 4443 2.4).
static __always_inline bool may_be_told(const struct packet *p)
{
	__u8 type = *(__u8 *)&p->transport.icmp, first = p->source.byte[12];
	if (p->later)
		return false;
	if (p->ethertype == ETH_P_IP)
		return first && first < 224 &&
		       !(has_icmp(p) && ((type >= 3 && type <= 5) || type == 11 || type == 12));
	return !unspecified(&p->source) && p->source.byte[0] != 0xff && !(has_icmp(p) && type < 128);
}

static __always_inline bool may_speak(const struct packet *p)
{
	__u32 zero = 0;
	struct allowance *spoken = bpf_map_lookup_elem(&said, &zero);
	if (!spoken)
		return false;
	if (spoken->second != p->now / SECOND) {
		spoken->second = p->now / SECOND;
		spoken->asked = 0;
	}
	return spoken->asked++ < SAYS;
}

static __always_inline int answer(struct __sk_buff *skb)
{
	skb->cb[1] = skb->ifindex;
	return bpf_redirect(skb->ifindex, 0);
}

static __always_inline void say4(struct __sk_buff *skb, struct packet *p, struct icmp_error *icmp,
				 const union address *speaker, __u32 quoted)
{
	struct ipv4 ip = {.version_ihl = 0x45, .ttl = 64, .protocol = IPPROTO_ICMP};
	ip.length = bpf_htons(sizeof(ip) + sizeof(*icmp) + quoted);
	ip.source = speaker->word[3];
	ip.destination = p->source.word[3];
	ip.checksum = fold(bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0));
	bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0);
	bpf_skb_store_bytes(skb, ETH_HLEN + sizeof(ip), icmp, sizeof(*icmp), 0);
}

static __always_inline void say6(struct __sk_buff *skb, struct packet *p, struct icmp_error *icmp,
				 const union address *speaker, __u32 quoted)
{
	struct ipv6 ip = {.flow = bpf_htonl(6U << 28), .next = IPPROTO_ICMPV6, .hop_limit = 64};
	ip.length = bpf_htons(sizeof(*icmp) + quoted);
	ip.source = *speaker;
	ip.destination = p->source;
	bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0);
	bpf_skb_store_bytes(skb, ETH_HLEN + sizeof(ip), icmp, sizeof(*icmp), 0);
}

// The pseudo-header of ICMPv6; that of ICMP has none.
static __always_inline __s64 pseudo(struct packet *p, const union address *speaker, __u32 quoted)
{
	__be32 rest = bpf_htonl(sizeof(struct icmp_error) + quoted + IPPROTO_ICMPV6);
	if (p->ethertype == ETH_P_IP)
		return 0;
	__s64 sum = bpf_csum_diff(NULL, 0, (__be32 *)speaker, 16, rest);
	return bpf_csum_diff(NULL, 0, (__be32 *)&p->source, 16, sum);
}

// A router speaks as its interface, a service without backends as itself.
static __always_inline union address *speaks(struct packet *p, __u32 reason)
{
	struct interface_key key = {.router = p->way.router,
				    .vni = p->way.at,
				    .family = p->ethertype == ETH_P_IP ? 4 : 6};
	if (reason == NO_BACKEND || p->guest)
		return &p->asked.address;
	struct interface *interface = bpf_map_lookup_elem(&interfaces, &key);
	return interface ? &interface->address : NULL;
}

// Drops the packet and tells its sender why, as a router does.
SUBPROGRAM int say(struct __sk_buff *skb, struct packet *p, __u32 reason)
{
	REQUIRE(p);
	__u32 zero = 0, family = p->ethertype == ETH_P_IP ? 4 : 6;
	const union address *speaker = speaks(p, reason);
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	struct icmp_error icmp = {};
	__u32 header = (family == 4 ? sizeof(struct ipv4) : sizeof(struct ipv6)) + sizeof(icmp);
	__u64 quoted = skb->len - ETH_HLEN;
	__u8 macs[12]; // of the frame as it came: guests have others by now
	int dropped = drop(skb, reason, p->ifindex);
	if (!speaker || !own || !may_be_told(p) || !may_speak(p))
		return dropped;
	__builtin_memset(own->quote, 0, QUOTE);
	if (quoted > QUOTE)
		quoted = QUOTE;
	if (quoted < sizeof(struct ipv4) || bpf_skb_load_bytes(skb, ETH_HLEN, own->quote, quoted))
		return dropped;
	set_kind(p, &icmp, reason);
	__s64 sum = bpf_csum_diff(NULL, 0, (__be32 *)own->quote, QUOTE, pseudo(p, speaker, quoted));
	icmp.checksum = fold(bpf_csum_diff(NULL, 0, (__be32 *)&icmp, sizeof(icmp), sum));
	if (bpf_skb_change_tail(skb, ETH_HLEN + header + quoted, 0) ||
	    bpf_skb_load_bytes(skb, 0, macs, sizeof(macs)))
		return dropped;
	set_macs(skb, macs, macs + 6);
	if (family == 4)
		say4(skb, p, &icmp, speaker, quoted);
	else
		say6(skb, p, &icmp, speaker, quoted);
	if (bpf_skb_store_bytes(skb, ETH_HLEN + header, own->quote, quoted, 0))
		return dropped;
	return answer(skb);
}

// An echo request to a router's own address is answered, everything else refused.
SUBPROGRAM int to_router(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	bool ipv4 = p->ethertype == ETH_P_IP;
	__u8 icmp[4];
	if (p->transport.echo != REQUEST || !has_icmp(p) || p->later || p->more ||
	    bpf_skb_load_bytes(skb, p->offset, icmp, sizeof(icmp)))
		return say(skb, p, FOR_ROUTER);
	__be16 before = *(__be16 *)icmp;
	icmp[0] = ipv4 ? 0 : 129;
	*(__be16 *)(icmp + 2) = changed(*(__be16 *)(icmp + 2), before, *(__be16 *)icmp);
	bpf_skb_store_bytes(skb, p->offset, icmp, sizeof(icmp), 0);
	set_hop_limit(skb, p, 64);
	if (ipv4) {
		__be32 ends[2] = {p->destination.word[3], p->source.word[3]};
		bpf_skb_store_bytes(skb, ETH_HLEN + 12, ends, sizeof(ends), 0);
	} else {
		bpf_skb_store_bytes(skb, ETH_HLEN + 8, &p->destination, 16, 0);
		bpf_skb_store_bytes(skb, ETH_HLEN + 24, &p->source, 16, 0);
	}
	set_macs(skb, p->destination_mac, p->source_mac);
	return answer(skb);
}

SUBPROGRAM int route_packet(struct __sk_buff *skb, struct packet *p, struct flow *flow,
				   __u32 trouble)
{
	REQUIRE(p);
	__u32 ifindex = p->way.ifindex;
	if (trouble)
		return say(skb, p, trouble);
	if (p->way.own)
		return to_router(skb, p);
	if (ifindex)
		return enter(skb, p, flow, ifindex, NULL);
	remember(p, flow);
	return to_overlay(skb, p, &p->way.vtep);
}
