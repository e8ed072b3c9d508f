// SPDX-License-Identifier: GPL-2.0
//
// Which backend of a service a new flow has (weighted rendezvous hashing).

static __always_inline __u32 mixed(__u32 hash)
{
	hash = (hash ^ hash >> 16) * 0x85ebca6bU;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
	return hash ^ hash >> 16;
}

// -log2(hash / 2^32) * 2^24, its fraction by a parabola: 0.9 % off at most.
SUBPROGRAM __u32 minus_log(__u32 hash)
{
	__u32 value = hash | 1, whole = 31;
	for (int shift = 16; shift; shift >>= 1) {
		if (value >> (32 - shift) == 0) {
			value <<= shift;
			whole -= shift;
		}
	}
	__u64 part = value << 1 >> 8;
	__u64 bent = (part * ((1 << 24) - part) >> 24) * 22497 >> 16;
	return (32U << 24) - ((whole << 24) + part + bent);
}

struct choosing {
	__u64 service;
	__u64 best;
	union address address; // of the best
	__u32 hash;
	__be16 port;
	__u16 pad;
};

// The better of what was best and this backend, whose place in its page is the last four bits.
SUBPROGRAM __u64 better(struct backend *backend, __u64 best, __u32 hash, __u32 index)
{
	REQUIRE(backend);
	__u64 score = (__u64)minus_log(mixed(hash ^ backend->hash)) * backend->inverse;
	score = (score & ~(PAGE - 1ULL)) | index;
	return score < best ? score : best;
}

// By rendezvous: each flow has an order of its own among the backends, and takes the first of them;
// what is divided by their weights (Wang, Ravishankar: the greatest -weight / log(hash)).
static long look_at_page(__u32 number, void *context)
{
	struct choosing *c = context;
	struct page_key key = {.service = c->service, .page = number};
	struct page *page = bpf_map_lookup_elem(&backends, &key);
	__u64 best = c->best;
	if (!page)
		return 1;
	for (__u32 i = 0; i < PAGE; i++) {
		if (i >= page->count)
			break;
		best = better(&page->backend[i], best, c->hash, i);
	}
	if (best < c->best) {
		struct backend *backend = &page->backend[best & (PAGE - 1)];
		c->best = best;
		c->address = backend->address;
		c->port = backend->port;
	}
	return 0;
}

static __always_inline __u32 hash_of(const struct packet *p, const struct service *service)
{
	const union address *a = &p->source;
	if (service->flags & BY_SOURCE)
		return (a->word[0] ^ a->word[1] ^ a->word[2] ^ a->word[3]) * 0x9e3779b1U;
	return spread(p);
}

// Whether a backend is one still, and for whom: with UDP, which has no end, only while it works.
SUBPROGRAM int is_member(struct packet *p, struct service *service, const union address *address,
			 __u32 port)
{
	REQUIRE(p && service && address);
	struct member_key key = {.service = service->id, .address = *address, .port = port};
	__u32 *member = bpf_map_lookup_elem(&members, &key);
	return member && (*member != IS_DOWN || p->transport.protocol == IPPROTO_TCP);
}

// The backend that the client had a while ago.
SUBPROGRAM int take_sticky(struct packet *p, struct service *service, struct chosen *now)
{
	REQUIRE(p && service && now);
	struct sticky_key key = {.service = service->id, .client = p->source};
	struct sticky *sticky = bpf_map_lookup_elem(&stickies, &key);
	if (!sticky || since(p, sticky->seen) >= service->sticks * SECOND)
		return 0;
	struct member_key member_key = {
		.service = service->id, .address = sticky->address, .port = sticky->port};
	__u32 *member = bpf_map_lookup_elem(&members, &member_key);
	if (!member || *member == IS_DOWN)
		return 0;
	sticky->seen = p->now;
	now->address = sticky->address;
	now->port = sticky->port;
	return 1;
}

SUBPROGRAM int keep_sticky(struct packet *p, struct service *service, struct chosen *now)
{
	REQUIRE(p && service && now);
	struct sticky_key key = {.service = service->id, .client = p->source};
	struct sticky sticky = {.seen = p->now, .address = now->address, .port = now->port};
	bpf_map_update_elem(&stickies, &key, &sticky, BPF_ANY);
	return 0;
}

SUBPROGRAM int choose_backend(struct packet *p, struct service *service, struct chosen *now)
{
	REQUIRE(p && service && now);
	if (service->sticks && take_sticky(p, service, now))
		return 1;
	struct choosing c = {.service = service->id, .best = ~0ULL};
	c.hash = hash_of(p, service);
	if (service->pages == 1)
		look_at_page(0, &c);
	else
		bpf_loop(service->pages < PAGES ? service->pages : PAGES, look_at_page, &c, 0);
	if (c.best == ~0ULL)
		return 0;
	now->address = c.address;
	now->port = c.port;
	if (service->sticks)
		keep_sticky(p, service, now);
	return 1;
}

// The client and the backend are in one subnet: what the backend answers passes no router.
SUBPROGRAM int is_direct(struct packet *p, __u32 router, const union address *backend)
{
	REQUIRE(p && backend);
	struct neighbour *neighbour = neighbour_of(p->vni, backend);
	if (!neighbour || (router && route_of(router, &p->source) != route_of(router, backend)))
		return false;
	__builtin_memcpy(p->next_mac, neighbour->mac, 6);
	p->direct = 1;
	return true;
}

static __always_inline bool is_asked(const struct packet *p, const struct turn *turn)
{
	return turn->port == p->asked.port && turn->client_port == p->asked.client_port &&
	       same(&turn->address, &p->asked.address) && same(&turn->guest, &p->asked.guest);
}

// The client may speak to the backend from this port: no other flow of its does.
SUBPROGRAM int is_free(struct packet *p, struct chosen *now)
{
	REQUIRE(p && now);
	struct transport t = {.protocol = p->transport.protocol,
			      .source_port = now->source_port,
			      .destination_port = now->port};
	make_key(&p->key, &p->source, &now->address, &t);
	struct flow *flow = bpf_map_lookup_elem(&flows, &p->key);
	return !flow || since(p, flow->seen) >= lifetime(t.protocol, flow->state) ||
	       is_asked(p, &flow->turn) || (flow->state & (RESET | FIN_SENT | FIN_REPLIED));
}

SUBPROGRAM int choose_source_port(struct packet *p, struct chosen *now)
{
	REQUIRE(p && now);
	__u32 range = is_inner(p) ? 0x400 : 0x8000, own = bpf_ntohs(p->asked.client_port);
	now->source_port = p->asked.client_port;
	for (__u32 i = 0; i <= SOURCE_PORTS; i++) {
		if (i)
			now->source_port = bpf_htons(range | (mixed(p->seed + i) & 0x7fff));
		else if (is_inner(p) && (own < 0x400 || own >= 0x8000))
			continue;
		if (is_free(p, now))
			return 0;
	}
	return 0;
}

SUBPROGRAM int choose(struct packet *p, struct service *service, struct where *where,
		      struct chosen *now)
{
	REQUIRE(p && service && now);
	struct where *out = where && where->router ? where : where_is(p->vni, service->via);
	__u32 router = out ? out->router : 0;
	p->seed = spread(p);
	if (!choose_backend(p, service, now))
		return service->flags & LOCAL_ONLY ? NO_LOCAL_BACKEND : NO_BACKEND;
	if (is_inner(p))
		p->source = p->inner;
	now->seen = now->checked = p->now;
	now->source_port = p->asked.client_port;
	if (same(&now->address, &p->source) && !p->guest)
		return PASSED;
	now->direct = is_direct(p, router, &now->address);
	if (!now->direct && !router)
		return UNREACHABLE;
	p->key.vni = now->direct ? p->vni : out->vtep.word[0];
	choose_source_port(p, now);
	p->key.vni = p->vni;
	return PASSED;
}
