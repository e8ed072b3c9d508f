// SPDX-License-Identifier: GPL-2.0
//
// The other end of a flow by a service, turned to its backend and back; in quotes of ICMP errors,
// too.

static __noinline struct carried *carried_of(__u64 service)
{
	struct carried none = {}, *found = bpf_map_lookup_elem(&carried, &service);
	if (found)
		return found;
	bpf_map_update_elem(&carried, &service, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&carried, &service);
}

static __always_inline void count_served(struct __sk_buff *skb, __u64 service, bool out,
					 bool begins)
{
	struct carried *found = service ? carried_of(service) : NULL;
	if (!found)
		return;
	if (out) {
		found->packets_out += packets(skb);
		found->bytes_out += skb->len;
	} else {
		found->flows += begins;
		found->packets_in += packets(skb);
		found->bytes_in += skb->len;
	}
}

// One of the ends of the packet that an ICMP error quotes.
SUBPROGRAM int set_quoted_end(struct __sk_buff *skb, struct packet *p, bool source,
			      const union address *from, const union address *to)
{
	REQUIRE(p && from && to);
	__u32 ip = p->offset + 8;
	if (p->ethertype == ETH_P_IP) {
		bpf_l3_csum_replace(skb, ip + 10, from->word[3], to->word[3], 4);
		bpf_skb_store_bytes(skb, ip + (source ? 12 : 16), &to->word[3], 4, 0);
		return 0;
	}
	__s64 diff = bpf_csum_diff((__be32 *)from, 16, (__be32 *)to, 16, 0);
	bpf_l4_csum_replace(skb, p->offset + 2, 0, diff, 0);
	bpf_skb_store_bytes(skb, ip + (source ? 8 : 24), to, 16, 0);
	return 0;
}

SUBPROGRAM int set_quoted_ports(struct __sk_buff *skb, struct packet *p, __u32 source,
				__u32 destination)
{
	REQUIRE(p);
	__u32 ip = p->offset + 8, sum = p->offset + 2, at = ip + sizeof(struct ipv6);
	__be16 before[2], now[2] = {source, destination};
	__u8 length;
	if (p->ethertype == ETH_P_IP) {
		if (bpf_skb_load_bytes(skb, ip, &length, 1))
			return 0;
		at = ip + (length & 15) * 4;
	}
	if (bpf_skb_load_bytes(skb, at, before, sizeof(before)))
		return 0;
	bpf_l4_csum_replace(skb, sum, before[0], now[0], 2);
	bpf_l4_csum_replace(skb, sum, before[1], now[1], 2);
	bpf_skb_store_bytes(skb, at, now, sizeof(now), 0);
	return 0;
}

// One of the ends of an ICMP error itself.
static __always_inline void set_error_end(struct __sk_buff *skb, struct packet *p, bool source,
					  const union address *from, const union address *to)
{
	if (p->ethertype == ETH_P_IP) {
		bpf_l3_csum_replace(skb, ETH_HLEN + 10, from->word[3], to->word[3], 4);
		bpf_skb_store_bytes(skb, ETH_HLEN + (source ? 12 : 16), &to->word[3], 4, 0);
		return;
	}
	__s64 diff = bpf_csum_diff((__be32 *)from, 16, (__be32 *)to, 16, 0);
	bpf_l4_csum_replace(skb, p->offset + 2, 0, diff, BPF_F_PSEUDO_HDR);
	bpf_skb_store_bytes(skb, ETH_HLEN + (source ? 8 : 24), to, 16, 0);
}

// A guest shares the host's address with its programs, whose ports are others (ip_local_port_range).
static __always_inline bool is_inner(const struct packet *p)
{
	return !unspecified(&p->inner);
}

// What a client, or a router before it, says of what a service has sent, as the backend has sent it.
SUBPROGRAM int turn_error(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	union address speaker;
	__u32 four = p->ethertype == ETH_P_IP;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + 12, &speaker.word[3], 4) ||
	    (!four && bpf_skb_load_bytes(skb, ETH_HLEN + 8, &speaker, 16)))
		return 0;
	set_quoted_end(skb, p, true, &p->asked.address, &p->destination);
	set_quoted_ports(skb, p, p->transport.destination_port, p->transport.source_port);
	set_error_end(skb, p, false, &p->asked.address, &p->destination);
	if (p->guest && is_inner(p)) {
		set_quoted_end(skb, p, false, &p->asked.guest, &p->source);
		set_error_end(skb, p, true, &speaker, &p->source);
	}
	if (p->direct)
		set_macs(skb, p->source_mac, p->next_mac);
	return 0;
}

// A packet to a service becomes one to its backend.
SUBPROGRAM int turn(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	count_served(skb, p->asked.service, false, p->begins);
	if (p->transport.kind == ERROR) {
		turn_error(skb, p);
		return 0;
	}
	set_end(skb, p, false, &p->asked.address, &p->destination);
	set_l4_port(skb, p, false, p->asked.port, p->transport.destination_port);
	set_l4_port(skb, p, true, p->asked.client_port, p->transport.source_port);
	if (p->guest && !same(&p->asked.guest, &p->source))
		set_end(skb, p, true, &p->asked.guest, &p->source);
	if (p->direct)
		set_macs(skb, p->source_mac, p->next_mac);
	return 0;
}

SUBPROGRAM int turn_error_back(struct __sk_buff *skb, struct packet *p,
			       const union address *backend, struct turn *turn)
{
	REQUIRE(p && backend && turn);
	set_quoted_end(skb, p, false, backend, &turn->address); // in the client's own words
	set_quoted_ports(skb, p, turn->client_port, turn->port);
	if (turn->device) {
		set_quoted_end(skb, p, true, &p->destination, &turn->guest);
		set_error_end(skb, p, false, &p->destination, &turn->guest);
	}
	if (same(&p->source, backend)) // else a router on the way said it
		set_error_end(skb, p, true, &p->source, &turn->address);
	return 0;
}

// What comes to a client from a backend comes from the service that the client knows.
SUBPROGRAM int turn_back(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	REQUIRE(p && flow);
	struct turn *turn = &flow->turn;
	const union address *backend = turn->client_high ? &p->key.low : &p->key.high;
	if (!turn->port || p->from_high == turn->client_high)
		return 0;
	count_served(skb, turn->service, true, false);
	if (p->transport.kind == ERROR) {
		turn_error_back(skb, p, backend, turn);
		return 0;
	}
	set_end(skb, p, true, &p->source, &turn->address);
	set_l4_port(skb, p, true, p->transport.source_port, turn->port);
	set_l4_port(skb, p, false, p->transport.destination_port, turn->client_port);
	if (turn->device && !same(&p->destination, &turn->guest))
		set_end(skb, p, false, &p->destination, &turn->guest);
	return 0;
}
