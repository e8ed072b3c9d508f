// SPDX-License-Identifier: GPL-2.0
//
// Services: found by what a packet is sent to; flows that have their backend, and new ones.

// A connection request chooses anew.
static __always_inline bool begins(const struct packet *p)
{
	return p->transport.protocol == IPPROTO_TCP &&
	       (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

// What was chosen for a flow stays with it while the backend is there; with UDP, which has no end,
// while it works.
SUBPROGRAM int stays(struct packet *p, struct service *service, struct chosen *chosen)
{
	REQUIRE(p && service && chosen);
	if (since(p, chosen->seen) >= lifetime(p->transport.protocol, REPLIED))
		return 0;
	if (since(p, chosen->checked) >= SECOND) {
		if (!is_member(p, service, &chosen->address, chosen->port))
			return 0;
		chosen->checked = p->now;
	}
	if (since(p, chosen->seen) >= SECOND)
		chosen->seen = p->now;
	return 1;
}

SUBPROGRAM int is_admitted(struct packet *p, struct service *service)
{
	REQUIRE(p && service);
	struct prefix_key key = {
		.prefixlen = 224, .side = SOURCES, .policy = service->sources, .address = p->source};
	if (p->ethertype == ETH_P_IPV6)
		key.side |= IPV6_SIDE;
	return bpf_map_lookup_elem(&prefixes, &key) != NULL;
}

// To whom the packet goes next within the sender's network.
static __always_inline bool aim(struct packet *p, const struct chosen *chosen,
				const struct where *where, const struct service *service)
{
	const __u8 *mac = where && where->router ? p->destination_mac : service->via;
	p->own = same(&chosen->address, &p->source) && !p->guest;
	if (is_inner(p))
		p->source = p->inner;
	if (p->own)
		mac = p->source_mac;
	if (chosen->direct && !p->direct) {
		struct neighbour *neighbour = neighbour_of(p->vni, &chosen->address);
		if (!neighbour)
			return false;
		mac = neighbour->mac;
	}
	if (!p->direct) // else it is known already
		__builtin_memcpy(p->next_mac, mac, 6);
	p->served = 1;
	p->direct = chosen->direct;
	p->destination = chosen->address;
	p->transport.destination_port = chosen->port;
	p->transport.source_port = chosen->source_port;
	return true;
}

// The backend that the flow has, or a new one.
static __always_inline int take_backend(struct packet *p, struct service *service,
					struct where *where)
{
	__u32 zero = 0;
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	if (!own)
		return UNREACHABLE;
	struct chosen_key *key = &own->choosing; // built here, as the stack is short
	__builtin_memset(key, 0, sizeof(*key));
	key->vni = p->vni;
	key->protocol = p->transport.protocol;
	key->client = p->source;
	key->service = p->destination;
	key->client_port = p->transport.source_port;
	key->service_port = p->transport.destination_port;
	struct chosen *known = begins(p) ? NULL : bpf_map_lookup_elem(&chosen, key);
	if (known && stays(p, service, known))
		return aim(p, known, where, service) ? PASSED : UNREACHABLE;
	__builtin_memset(&own->now, 0, sizeof(own->now));
	int reason = choose(p, service, where, &own->now);
	if (reason)
		return reason;
	bpf_map_update_elem(&chosen, key, &own->now, BPF_ANY);
	return aim(p, &own->now, where, service) ? PASSED : UNREACHABLE;
}

static __always_inline __u32 what_services(void)
{
	__u32 zero = 0;
	struct host *own = bpf_map_lookup_elem(&host, &zero);
	return own ? own->services : 0;
}

// By its address; what is at a port of every host's own address (NodePort) has none. Hosts' other
// addresses than that of their tunnel are in the table without a protocol and a port.
static __noinline struct service *find_service(__u32 scope, __u8 protocol, __be16 port,
					       const union address *address)
{
	struct service_key key = {
		.scope = scope, .protocol = protocol, .port = port, .address = *address};
	struct service *service = bpf_map_lookup_elem(&services, &key);
	if (service || !(scope & (BY_ROUTER | GUESTS)))
		return service;
	__u32 there = what_services();
	if (!(there & NODE_PORTS))
		return NULL;
	if (!bpf_map_lookup_elem(&vteps, address)) {
		if (!(there & MORE_ADDRESSES))
			return NULL;
		key.protocol = key.port = 0;
		if (!bpf_map_lookup_elem(&services, &key))
			return NULL;
		key.protocol = protocol;
		key.port = port;
	}
	key.address.half[0] = key.address.half[1] = 0;
	if (is_v4(address))
		set_v4(&key.address, 0);
	return bpf_map_lookup_elem(&services, &key);
}

// Whom a client has asked, by which of its ports.
static __always_inline void note_asked(struct packet *p, const struct service *service,
				       const union address *address, __be16 port, __be16 own)
{
	if (!p->guest)
		__builtin_memset(&p->asked, 0, sizeof(p->asked));
	if (!p->guest || (service->flags & KEEPS_GUEST))
		p->inner.half[0] = p->inner.half[1] = 0;
	p->asked.address = *address;
	p->asked.port = port;
	p->asked.client_port = own;
	p->asked.service = service->flags & COUNTED ? service->id : 0;
}

// A packet to the address of a service is one to a backend from here on; it is rewritten last, so
// that errors quote what its sender has sent.
SUBPROGRAM int serve(struct packet *p, struct where *where, struct service *service)
{
	REQUIRE(p && service);
	struct transport *t = &p->transport;
	note_asked(p, service, &p->destination, t->destination_port, t->source_port);
	if ((service->flags & RESTRICTED) && !is_admitted(p, service))
		return NOT_ADMITTED;
	return take_backend(p, service, where);
}

// The service that an ICMP error is about: what it quotes is from there.
static __always_inline struct service *service_quoted(struct packet *p, __u32 scope,
						      const struct quoted *q)
{
	__u8 protocol = q->transport.protocol;
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
	    !same(&q->source, &p->destination))
		return NULL;
	return find_service(scope, protocol, q->transport.source_port, &q->source);
}

// An ICMP error that a client, or a router before it, says of what a service has sent is for the
// backend that has sent it.
SUBPROGRAM int serve_error(struct __sk_buff *skb, struct packet *p, struct where *where,
			   __u32 scope)
{
	REQUIRE(p);
	__u32 zero = 0;
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	struct quoted *q = what_services() ? quoted_in(skb, p) : NULL;
	struct service *service = q ? service_quoted(p, scope, q) : NULL;
	if (!own || !service)
		return 0;
	struct transport *t = &q->transport;
	struct chosen_key *key = &own->choosing;
	__builtin_memset(key, 0, sizeof(*key));
	key->vni = p->vni;
	key->protocol = t->protocol;
	key->client = q->destination;
	key->service = q->source;
	key->client_port = t->destination_port;
	key->service_port = t->source_port;
	struct chosen *known = bpf_map_lookup_elem(&chosen, key);
	if (!known || same(&known->address, &key->client) || same(&known->address, &p->source))
		return 0;
	note_asked(p, service, &q->source, t->source_port, t->destination_port);
	if (p->guest)
		p->asked.guest = q->destination;
	if (!aim(p, known, where, service))
		return 0;
	t->source_port = known->port; // as the backend knows the flow
	t->destination_port = known->source_port;
	p->from_high = !make_key(&p->key, &p->destination,
				 is_inner(p) ? &p->source : &q->destination, t);
	return 1;
}

// What a port sends: to a service, if there is one where it sends to. Not for guests, whose stack
// is as deep as can be.
SUBPROGRAM int seek_service(struct __sk_buff *skb, struct packet *p, struct where *where)
{
	REQUIRE(p);
	struct transport *t = &p->transport;
	__u32 scope = where && where->router ? where->router | BY_ROUTER : p->vni;
	if (t->kind == ERROR) {
		serve_error(skb, p, where, scope);
		return PASSED;
	}
	struct service *service =
		find_service(scope, t->protocol, t->destination_port, &p->destination);
	return service ? serve(p, where, service) : PASSED;
}
