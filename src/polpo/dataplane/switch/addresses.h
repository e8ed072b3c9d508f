// SPDX-License-Identifier: GPL-2.0
//
// Addresses compared, found and learned, and who may have which.

static __always_inline void set_v4(union address *address, __be32 v4)
{
	address->half[0] = 0;
	address->word[2] = bpf_htonl(0xffff);
	address->word[3] = v4;
}

static __always_inline bool is_v4(const union address *address)
{
	return !address->half[0] && address->word[2] == bpf_htonl(0xffff);
}

static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	return *(__u16 *)a == *(__u16 *)b && *(__u16 *)(a + 2) == *(__u16 *)(b + 2) &&
	       *(__u16 *)(a + 4) == *(__u16 *)(b + 4);
}

static __always_inline bool is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

static __always_inline bool same(const union address *a, const union address *b)
{
	return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}

static __always_inline bool unspecified(const union address *address)
{
	return !address->half[0] && !address->half[1];
}

// Between hosts a routed packet comes from 02:70:6f and the number of its router.
static __always_inline bool is_routed(const __u8 *mac)
{
	return mac[0] == 0x02 && mac[1] == 0x70 && mac[2] == 0x6f;
}

static __always_inline struct neighbour *neighbour_of(__u32 vni, const union address *address)
{
	struct address_key key = {.vni = vni, .address = *address};
	struct neighbour *neighbour = bpf_map_lookup_elem(&neighbours, &key);
	return neighbour ?: bpf_map_lookup_elem(&moved, &key);
}

static __always_inline struct where *where_is(__u32 vni, const __u8 *mac)
{
	struct mac_key key = {.vni = vni};
	__builtin_memcpy(key.mac, mac, 6);
	struct where *where = bpf_map_lookup_elem(&fdb, &key);
	return where ?: bpf_map_lookup_elem(&moved_fdb, &key);
}

// An address among allowed pairs says where it is now. The agent's rows are never learned over.
static __noinline int learn(__u32 vni, const union address *address, const __u8 *mac,
			    const struct where *here)
{
	struct address_key key = {.vni = vni, .address = *address};
	struct mac_key mac_key = {.vni = vni};
	struct neighbour neighbour = {};
	if (is_group(mac) || bpf_map_lookup_elem(&neighbours, &key))
		return 0;
	__builtin_memcpy(mac_key.mac, mac, 6);
	__builtin_memcpy(neighbour.mac, mac, 6);
	struct where *known = bpf_map_lookup_elem(&fdb, &mac_key);
	if (known)
		neighbour.groups = known->groups;
	else
		bpf_map_update_elem(&moved_fdb, &mac_key, here, BPF_ANY);
	bpf_map_update_elem(&moved, &key, &neighbour, BPF_ANY);
	return 1;
}

static __noinline int allowed_kind(__u32 ifindex, const __u8 *mac, const union address *address)
{
	struct allowed_key key = {.prefixlen = 224, .ifindex = ifindex, .address = *address};
	key.family = is_v4(address) ? 4 : 6;
	__builtin_memcpy(key.mac, mac, 6);
	__u32 *kind = bpf_map_lookup_elem(&allowed, &key);
	return kind ? *kind : 0;
}

static __always_inline bool mac_allowed(__u32 ifindex, const __u8 *mac)
{
	union address none = {};
	return allowed_kind(ifindex, mac, &none);
}
