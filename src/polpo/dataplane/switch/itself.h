// SPDX-License-Identifier: GPL-2.0
//
// A backend that asks its own service: to the port itself, in the name of the network.

// To the port itself, in the name of the network: else it would answer to itself at once. Who has a
// router hears an address beyond it: UDP would answer a link-local one from its own link-local one.
static __always_inline void own_voice(const struct packet *p, union address *voice, bool routed)
{
	if (p->ethertype == ETH_P_IP) {
		set_v4(voice, bpf_htonl(METADATA));
		return;
	}
	voice->half[0] = bpf_cpu_to_be64(routed ? ROUND6 : 0xfe80ULL << 48);
	voice->word[2] = 0;
	voice->word[3] = bpf_htonl(METADATA);
}

static __always_inline bool is_own_voice(const struct packet *p, const union address *address)
{
	bool routed = address->word[3] == bpf_htonl(METADATA) && !address->word[2] &&
		      address->half[0] == bpf_cpu_to_be64(ROUND6);
	return routed || is_metadata(p, address);
}

static __always_inline int to_itself(struct __sk_buff *skb, struct packet *p, struct port *port)
{
	set_macs(skb, p->destination_mac, p->source_mac);
	return to_port(skb, p->ifindex, port);
}

// A port that is its own backend: what it sends to the service, and then what it answers.
SUBPROGRAM int turn_round(struct __sk_buff *skb, struct packet *p, struct port *port,
			  struct where *where)
{
	REQUIRE(p && port);
	union address voice;
	own_voice(p, &voice, where && where->router);
	struct chosen_key key = {.vni = p->vni,
				 .protocol = p->transport.protocol,
				 .client = p->source,
				 .service = voice,
				 .client_port = p->transport.destination_port,
				 .service_port = p->transport.source_port};
	struct chosen back = {.seen = p->now,
			      .address = p->asked.address,
			      .port = p->asked.port,
			      .source_port = p->asked.client_port};
	bpf_map_update_elem(&chosen, &key, &back, BPF_ANY);
	turn(skb, p);
	set_end(skb, p, true, &p->source, &voice);
	return to_itself(skb, p, port);
}

SUBPROGRAM int turn_round_back(struct __sk_buff *skb, struct packet *p, struct port *port)
{
	REQUIRE(p && port);
	struct transport *t = &p->transport;
	struct chosen_key key = {.vni = p->vni,
				 .protocol = t->protocol,
				 .client = p->source,
				 .service = p->destination,
				 .client_port = t->source_port,
				 .service_port = t->destination_port};
	struct chosen *known = bpf_map_lookup_elem(&chosen, &key);
	if (!known)
		return TC_ACT_UNSPEC;
	struct chosen back = *known;
	set_end(skb, p, false, &p->destination, &p->source);
	set_end(skb, p, true, &p->source, &back.address);
	set_l4_port(skb, p, true, t->source_port, back.port);
	return to_itself(skb, p, port);
}
