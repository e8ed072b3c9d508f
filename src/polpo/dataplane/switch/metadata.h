// SPDX-License-Identifier: GPL-2.0
//
// Calls of the metadata service: who it is that calls.

static __always_inline bool is_metadata(const struct packet *p, const union address *address)
{
	if (address->word[3] != bpf_htonl(METADATA))
		return false;
	if (p->ethertype == ETH_P_IP)
		return true;
	return address->half[0] == bpf_cpu_to_be64(0xfe80ULL << 48) && !address->word[2];
}

// Plain HTTP, and nothing around it that a stack might take for more.
static __always_inline bool calls_metadata(const struct packet *p)
{
	__u32 header = p->ethertype == ETH_P_IP ? sizeof(struct ipv4) : sizeof(struct ipv6);
	return is_metadata(p, &p->destination) && p->transport.protocol == IPPROTO_TCP &&
	       p->transport.destination_port == bpf_htons(80) && !p->later && !p->more &&
	       p->offset == ETH_HLEN + header;
}

static __always_inline bool keep_caller(struct packet *p)
{
	struct caller now = {.address = p->source};
	struct caller_key key = {.ifindex = p->ifindex,
				 .port = p->transport.source_port,
				 .family = p->ethertype == ETH_P_IP ? 4 : 6};
	struct caller *known = bpf_map_lookup_elem(&callers, &key);
	if (known && known->address.half[0] == now.address.half[0] &&
	    known->address.half[1] == now.address.half[1] && same_mac(known->mac, p->source_mac) &&
	    same_mac(known->spoken_to, p->destination_mac))
		return true;
	if (!may_ask(p, p->ifindex | CALLING, CALLS))
		return false;
	__builtin_memcpy(now.mac, p->source_mac, 6);
	__builtin_memcpy(now.spoken_to, p->destination_mac, 6);
	return !bpf_map_update_elem(&callers, &key, &now, BPF_ANY);
}

// To the metadata service, from an address that says which port it is.
SUBPROGRAM int to_metadata(struct __sk_buff *skb, struct packet *p)
{
	const __u8 mac[6] = {0x02, 0x70, 0x6f, 0xfe, 0xa9, 0xfe};
	union address caller = {};
	__u32 zero = 0;
	REQUIRE(p);
	struct host *own = bpf_map_lookup_elem(&host, &zero);
	__u32 service = own ? own->metadata : 0;
	if (!service || p->ifindex & CALLERS)
		return drop(skb, UNHEARD, p->ifindex);
	if (!keep_caller(p))
		return drop(skb, ASKED_TOO_OFTEN, p->ifindex);
	if (p->ethertype == ETH_P_IP) {
		set_v4(&caller, bpf_htonl(CALLERS | p->ifindex));
	} else {
		caller.half[0] = bpf_cpu_to_be64(CALLERS6);
		caller.word[3] = bpf_htonl(p->ifindex);
	}
	set_end(skb, p, true, &p->source, &caller);
	set_macs(skb, p->source_mac, mac);
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	skb->cb[1] = service;
	return bpf_redirect_peer(service, 0);
}
