// SPDX-License-Identifier: GPL-2.0
//
// Security groups and policies: whether a class of remotes may, in each tier.

static __always_inline void hear(struct verdict *verdict, __u64 class, __u32 what)
{
	struct class_key key = {
		.prefixlen = 128, .class = class, .protocol = what >> 16, .port = what};
	struct verdict *said = bpf_map_lookup_elem(&classes, &key);
	if (said && said->admin < verdict->admin)
		verdict->admin = said->admin;
	if (said && said->rest < verdict->rest)
		verdict->rest = said->rest;
}

// The first rule of the admin's tier decides, unless it passes on; then the first of the rest.
static __always_inline bool is_allowed(const struct verdict *verdict)
{
	__u32 action = verdict->admin & 3;
	return action == ALLOWS || (action != DENIES && (verdict->rest & 3) == ALLOWS);
}

// Does the policy allow `what` (protocol << 16 | port in network order) with this remote?
SUBPROGRAM int allows(__u64 policy, __u32 side, const union address *remote, __u32 what,
			     __u32 vni)
{
	REQUIRE(remote);
	struct verdict verdict = {UNSAID, UNSAID};
	struct prefix_key prefix = {
		.prefixlen = 224, .side = side, .policy = policy, .address = *remote};
	if (!is_v4(remote))
		prefix.side |= IPV6_SIDE;
	if (!policy)
		return 0;
	__u64 *class = bpf_map_lookup_elem(&prefixes, &prefix);
	if (class)
		hear(&verdict, *class, what);
	if (verdict.admin == ALLOWS) // none comes before it: rules that are all of one kind
		return 1;
	struct neighbour *neighbour = neighbour_of(vni, remote);
	if (neighbour && neighbour->groups) {
		struct peer_key peer = {
			.policy = policy, .groups = neighbour->groups, .side = prefix.side};
		class = bpf_map_lookup_elem(&peers, &peer);
		if (class)
			hear(&verdict, *class, what);
	}
	return is_allowed(&verdict);
}

static __always_inline __u32 what_of(__u8 protocol, __be16 port)
{
	return (__u32)protocol << 16 | port;
}
