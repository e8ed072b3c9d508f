// SPDX-License-Identifier: GPL-2.0
//
// Between networks: routes, next hops, the way through routers.

// The same for both directions of a flow. The higher bits depend on all of them.
static __always_inline __u32 spread(const struct packet *p)
{
	const union address *a = &p->source, *b = &p->destination;
	__u32 sum = a->word[0] ^ a->word[1] ^ a->word[2] ^ a->word[3];
	sum ^= b->word[0] ^ b->word[1] ^ b->word[2] ^ b->word[3];
	sum ^= p->transport.source_port ^ p->transport.destination_port;
	sum ^= p->transport.protocol;
	return sum * 0x9e3779b1U;
}

SUBPROGRAM int take_hop(struct packet *p, struct hop *hop)
{
	REQUIRE(p && hop);
	struct way *way = &p->way;
	struct neighbour *neighbour = neighbour_of(
		hop->vni, unspecified(&hop->address) ? &p->destination : &hop->address);
	struct where *where = neighbour ? where_is(hop->vni, neighbour->mac) : NULL;
	if (!where)
		return 0;
	way->to = hop->vni;
	way->mtu = hop->mtu;
	way->next = where->router;
	way->ifindex = where->ifindex;
	way->vtep = where->vtep;
	__builtin_memcpy(way->mac, neighbour->mac, 6);
	__builtin_memcpy(way->own_mac, hop->mac, 6);
	return 1;
}

// One of the equal hops, by the flow; if nobody knows where it is, another; at last the others.
SUBPROGRAM int choose_hop(struct packet *p, struct route *route)
{
	REQUIRE(p && route);
	__u32 count = route->count, total = route->total;
	__u32 first = count > 1 ? (__u64)spread(p) * count >> 32 : 0;
	for (__u32 i = 0; i < HOPS; i++) {
		__u32 at = i < count ? first + i : i;
		if (i >= total)
			return 0;
		if (i < count && at >= count)
			at -= count;
		if (take_hop(p, &route->hop[at & (HOPS - 1)]))
			return 1;
	}
	return 0;
}

// Multicast, link-local and loopback addresses and the unspecified ones stay on their link.
static __always_inline bool is_bound(const union address *a)
{
	if (is_v4(a))
		return a->byte[12] == 0 || a->byte[12] == 127 || a->byte[12] >= 224 ||
		       (a->byte[12] == 169 && a->byte[13] == 254);
	return a->byte[0] == 0xff || (a->byte[0] == 0xfe && (a->byte[1] & 0xc0) == 0x80) ||
	       (!a->half[0] && !a->word[2] && bpf_ntohl(a->word[3]) < 2);
}

// One router's part; PASSED also where the way ends (`own`), or goes on at another (`next`).
SUBPROGRAM int step(struct packet *p, __u32 passed)
{
	REQUIRE(p);
	struct way *way = &p->way;
	struct route *route = route_of(way->router, &p->destination);
	way->next = way->to = 0;
	if (route && route->own) {
		way->own = 1;
		way->to = route->hop[0].vni;
		return PASSED;
	}
	if (!route || is_bound(&p->destination))
		return NO_ROUTE;
	if (!choose_hop(p, route))
		return UNREACHABLE;
	if (p->hop_limit <= passed + 1)
		return TIME_EXCEEDED;
	return p->length > way->mtu ? TOO_BIG : PASSED;
}

// The whole way, even where a router on it has something to say first: the ends' groups, in their
// networks, decide whether the sender may be told.
SUBPROGRAM int find_way(struct packet *p)
{
	REQUIRE(p);
	struct way *way = &p->way;
	__u32 speaker = 0, at = 0, mtu = 0;
	int trouble = PASSED;
	for (__u32 i = 0; i < ROUTERS; i++) {
		int reason = step(p, i);
		if (way->next && i + 1 == ROUTERS) {
			reason = reason ?: UNREACHABLE;
			way->to = 0;
		}
		if (reason && !trouble) {
			trouble = reason;
			speaker = way->router;
			at = way->at;
			mtu = way->mtu;
		}
		way->passed = i + 1;
		if (reason == NO_ROUTE || reason == UNREACHABLE || !way->next)
			break;
		way->at = way->to;
		way->router = way->next;
	}
	if (!trouble)
		return PASSED;
	way->router = speaker;
	way->at = at;
	way->mtu = mtu;
	way->own = 0;
	return trouble;
}
