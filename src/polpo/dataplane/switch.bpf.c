// SPDX-License-Identifier: GPL-2.0
//
// The switch: one program at every port, one at the host's VXLAN device. What they do is decided
// by the tables below, which tables.py declares for Python and a test compares with this file.
// How and why: docs/design/switch.md. Floor: Linux 6.1, clang 14.
//
// Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. Ports and ICMP type and code are in network
// order, everything else in the host's.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SECOND 1000000000ULL
#define REMOTE 0x10000 // flood: local ports are numbered from 0, VTEPs from here,
#define MEMBERS 0x20000 // and from here those of a domain, which hear of addresses that move
#define ASKS 50        // questions for the agent that are taken from a port each second
#define EXTENSIONS 6   // IPv6 extension headers that are walked over, at most
#define ROUTERS 4      // that a packet passes one after another, at most
#define HOPS 8         // next hops of a route
#define IPV6_ROUTE (1U << 31)
#define SAYS 1000      // what routers may say in a second, on each CPU
#define NS_KBPS 8000000ULL // a byte takes so many nanoseconds at 1 kbit/s
#define METADATA 0xa9fea9fe // 169.254.169.254, fe80::a9fe:a9fe: the metadata service,
#define CALLERS 0xf0000000  // to which a port is 240.0.0.0 and its ifindex,
#define CALLERS6 0xfd706f6c706f0000ULL // or fd70:6f6c:706f::<ifindex>
#define ROUND6 0xfd706f6c706f0001ULL // ROUND6::a9fe:a9fe: own_voice
#define CALLING (1U << 31)
#define CALLS 100      // connections to it that a port may begin each second
#define DENYING (1U << 30)
#define UNSAID 0xffffffff
#define DENIALS 10     // of what a port's packets are denied, or it denies, told each second
#define NEAR 1024      // bytes of a packet, at most, that are looked at without a call
#define QUOTE 128      // bytes of the packet that an ICMP error is about
#define PAGE 16        // backends in one entry of `backends`
#define PAGES 256      // of them, for a service
#define BY_ROUTER (1U << 31) // scope of a service: a router's number, not a network's
#define GUESTS (1U << 30) // scope: of who is at no port, and comes by the host's own devices
#define SOURCES 4      // `prefixes`, side: who may use a service
#define SOURCE_PORTS 8 // that are tried, where a client's own is taken at the backend

// A function that the verifier looks at once, and not for each way that leads to it: else it takes
// seconds. It believes nothing that callers know, so that its pointers have to be tested.
#define SUBPROGRAM __noinline
#define REQUIRE(POINTERS)                                                                          \
	do {                                                                                       \
		if (!(POINTERS))                                                                   \
			return 0;                                                                  \
	} while (0)

enum reason { // of a drop; the same numbers as tables.Drop
	PASSED,
	UNKNOWN_PORT,
	ADMIN_DOWN,
	DESTINATION_DOWN,
	MALFORMED,
	ETHERTYPE,
	SPOOFED_MAC,
	SPOOFED_ADDRESS,
	SPOOFED_NEIGHBOUR,
	DHCP_SERVER,
	ROUTER_ADVERTISEMENT,
	LATE_FRAGMENT,
	EGRESS_POLICY,
	INGRESS_POLICY,
	FILTERED_COPY,
	UNKNOWN_DESTINATION,
	HAIRPIN,
	UNKNOWN_VTEP,
	UNKNOWN_VNI,
	NO_TUNNEL,
	ASKED_TOO_OFTEN,
	UNHEARD,
	NO_ROUTE,
	TIME_EXCEEDED,
	TOO_BIG,
	FOR_ROUTER,
	REVERSE_PATH,
	UNREACHABLE,
	OVER_LIMIT,
	NO_BACKEND,
	NOT_ADMITTED,
	PORT_TAKEN,
	NO_LOCAL_BACKEND,
	REASONS,
};

enum { PORT_SECURITY = 1, ADMIN_UP = 2, VETH = 4 };         // struct port, flags
enum { ASKS_DHCPV4 = 8, ASKS_DHCPV6 = 16, ASKS_ROUTER = 32 };
enum { LIMITED_INGRESS = 64, LIMITED_EGRESS = 128, MARKED = 256, ASKS_METADATA = 512 };
enum { DOOR = 1024 };
enum { FIXED = 1, PAIR = 2, MAC_ONLY = 3 };                 // allowed
enum { INGRESS = 0, EGRESS = 1, IPV6_SIDE = 2 };            // side of a policy
enum { REPLIED = 1, FIN_SENT = 2, FIN_REPLIED = 4, RESET = 8, REVOKED = 16 }; // struct flow, state
enum { OTHER, FLOW, SINGLE, ERROR };                        // struct transport, kind
enum { EXEMPT_SENDING = 1, EXEMPT_RECEIVING = 2 };          // from policies
enum { BY_SOURCE = 1, RESTRICTED = 2, KEEPS_GUEST = 4, LOCAL_ONLY = 8, COUNTED = 16 }; // struct service, flags
enum { SERVES = 1, NODE_PORTS = 2, FOR_GUESTS = 4, MORE_ADDRESSES = 8 }; // struct host, services
enum { DENIES = 0, ALLOWS = 1, PASSES = 2 };                // action of a rule; of none: 3
enum { WORKS = 1, IS_DOWN = 2 };                            // members
enum { REQUEST = 1, REPLY = 2 };                            // struct transport, echo
enum { FRESH = 1, STALE = 2 };                              // struct packet, fresh
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

union address {
	__u8 byte[16];
	__u32 word[4];
	__u64 half[2];
};

struct port {
	__u32 vni;
	__u8 mac[6];
	__u16 flags;
	__u8 dscp;
	__u8 pad[3];
	__u64 policy;
};

struct limit_key {
	__u32 ifindex;
	__u32 side; // INGRESS or EGRESS
};

struct limit { // `burst` is how long the port may send at full rate after it was silent (ns)
	__u64 kbps;
	__u64 burst;
};

struct bucket { // until when what has passed uses up the limit (ns of CLOCK_MONOTONIC)
	struct bpf_spin_lock lock;
	__u32 pad;
	__s64 used;
};

struct mac_key {
	__u32 vni;
	__u8 mac[6];
	__u16 pad;
};

struct where { // ifindex of a local port, or 0 and the tunnel's end; or a router
	__u32 ifindex;
	__u32 router;
	__u64 groups;
	union address vtep; // of a router: its domain, in the first word
};

struct address_key {
	__u32 vni;
	__u32 pad;
	union address address;
};

struct neighbour {
	__u8 mac[6];
	__u16 router; // it is a router's interface
	__u64 groups;
};

struct route_key {
	__u32 prefixlen;
	__u32 router; // and whose prefix it is: ::/0 is not for IPv4
	union address address;
};

struct hop { // where a router sends to: a network, its interface there, and whom, 0 for the destination
	__u32 vni;
	__u32 mtu;
	__u8 mac[6];
	__u16 pad;
	union address address;
};

struct route { // the first `count` hops are equal, the others for when none of these is known
	__u32 own; // it is the router's own address, in the first hop's network
	__u16 count;
	__u16 total;
	struct hop hop[HOPS];
};

struct interface_key {
	__u32 router;
	__u32 vni;
	__u32 family; // 4 or 6
};

struct interface {
	__u8 mac[6];
	__u16 pad;
	__u32 domain;
	__u32 pad2;
	union address address;
};

struct allowed_key {
	__u32 prefixlen;
	__u32 ifindex;
	__u8 mac[6];
	__u16 family; // 4 or 6: a pair of ::/0 is none of IPv4
	union address address;
};

struct prefix_key {
	__u32 prefixlen;
	__u32 side;
	__u64 policy;
	union address address;
};

struct peer_key {
	__u64 policy;
	__u64 groups;
	__u32 side;
	__u32 pad;
};

struct class_key {
	__u32 prefixlen;
	__u32 pad;
	__u64 class;
	__u8 protocol;
	__u8 pad2;
	__be16 port;
	__u32 pad3;
};

struct verdict { // the least rule of each tier: order << 2 | action; UNSAID is none
	__u32 admin;
	__u32 rest;
};

struct flood_key {
	__u32 vni;
	__u32 index;
};

struct host { // ifindexes, 0 while there is no such device; what services there are
	__u32 vxlan;
	__u32 metadata;
	__u32 services;
	__be16 tunnel; // UDP port
	__u16 pad;
};

struct counter { // as the workload sees it: `in` is what was delivered to it
	__u64 packets_in;
	__u64 bytes_in;
	__u64 packets_out;
	__u64 bytes_out;
	__u64 dropped;
	__u64 denied_in; // by its policy
	__u64 denied_out;
};

struct flow_key { // the lower of the two ends is first: one entry for both directions
	__u32 vni;
	__u8 protocol;
	__u8 pad[3];
	union address low;
	union address high;
	__be16 low_port;
	__be16 high_port;
	__u32 pad2;
};

struct half { // policy that allowed it, 0 for none, and when (ns)
	__u64 policy;
	__u64 checked;
};

struct source { // who was last found to be no impostor, and when (ns)
	__u64 verified;
	__u32 ifindex;
	__u8 mac[6];
	__u8 pad[6];
};

struct turn { // what a client calls the other end of its flow, and the port that it has itself
	union address address;
	__be16 port; // 0 for none
	__be16 client_port;
	__u8 client_high; // the client is the key's high end
	__u8 pad[3];
	__u64 service; // for `carried`, 0 if it is not counted
	union address guest; // its address, if it is at no port
	__u32 device;        // by which it came; 0 if it is at a port
	__u8 guest_mac[6];   // the ends of frames there
	__u8 own_mac[6];
};

struct flow {
	__u64 seen;
	__u8 state;
	__u8 from_high; // the originator is the key's high end
	__be16 icmp;    // type and code of the originating packet
	__u32 turned;   // to a service's backend: as `turn` says
	struct half egress;
	struct half ingress;
	struct source low;
	struct source high;
	struct turn turn;
};

struct service_key {
	__u32 scope; // network, or router | BY_ROUTER, that its clients send to
	__u8 protocol;
	__u8 pad;
	__be16 port;
	union address address;
};

struct service {
	__u64 id;
	__u32 pages;
	__u32 flags;
	__u32 sticks; // seconds for which a client keeps its backend, 0 for one connection
	__u8 via[6]; // the router's that leads out of its own network
	__u16 pad;
	__u32 door;  // of guests: the port that they come in by
	__u64 sources; // for flag RESTRICTED: in the place of a policy
};

struct door { // the host's own port in a network, and the router there
	__u32 vni;
	__u32 mtu;
	__u8 mac[6];
	__u8 gateway[6];
	__u32 pad;
	union address address; // that guests have within
	union address address6;
};

struct carried { // of a service: what clients of this host sent (`in`), and got
	__u64 flows;
	__u64 packets_in;
	__u64 bytes_in;
	__u64 packets_out;
	__u64 bytes_out;
};

struct page_key {
	__u64 service;
	__u32 page;
	__u32 pad;
};

struct backend { // `inverse` of its weight, 1 << 24 being that of 1
	union address address;
	__u32 hash;
	__u32 inverse;
	__be16 port;
	__u8 pad[6];
};

struct page { // the backends that new flows may have
	__u32 count;
	__u32 pad;
	struct backend backend[PAGE];
};

struct member_key { // any backend: flows that have one keep it while it is here
	__u64 service;
	union address address;
	__be16 port;
	__u8 pad[6];
};

struct sticky_key {
	__u64 service;
	union address client;
};

struct sticky {
	__u64 seen;
	union address address;
	__be16 port;
	__u8 pad[6];
};

struct chosen_key {
	__u32 vni;
	__u8 protocol;
	__u8 pad[3];
	union address client;
	union address service;
	__be16 client_port;
	__be16 service_port;
	__u32 pad2;
};

struct chosen {
	__u64 seen;
	__u64 checked;
	union address address;
	__be16 port;
	__be16 source_port;
	__u8 direct; // within the client's own subnet: no router has a part in it
	__u8 pad[3];
};

struct fragment_key {
	__u32 vni;
	__u32 id;
	union address source;
	union address destination;
	__u8 protocol;
	__u8 pad[7];
};

struct transport { // what the first fragment says of its layer 4, and the later ones do not
	__be16 source_port;
	__be16 destination_port;
	__be16 icmp; // type << 8 | code
	__u8 protocol;
	__u8 kind;
	__u8 echo;
	__u8 exempt;
	__u16 pad;
};

struct caller_key { // one end of a connection to the metadata service
	__u32 ifindex;
	__be16 port;
	__u16 family; // 4 or 6
};

struct caller { // who it is within its network, and whom it spoke to
	union address address;
	__u8 mac[6];
	__u8 spoken_to[6];
	__u32 pad;
};

struct asked { // a question for the agent
	__u32 ifindex;
	__u32 length; // of the frame, though there may be less of it here
	__u8 frame[1504];
};

struct denied { // for the agent: a packet that a port was not to send, or to receive
	__u32 ifindex; // of that port
	__u32 vni;     // where its other end is known, 0 for nowhere
	union address source;
	union address destination;
	__be16 source_port;
	__be16 port; // of the destination, or ICMP type and code
	__u8 protocol;
	__u8 reason;
	__u8 reply; // it answers what came the other way: of that is what was judged
	__u8 pad;
};

struct allowance { // how often in this second of CLOCK_MONOTONIC: a port asked, routers spoke
	__u64 second;
	__u32 asked;
	__u32 pad;
};

struct ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6 {
	__be32 flow;
	__be16 length;
	__u8 next;
	__u8 hop_limit;
	union address source;
	union address destination;
};

#define TABLE(NAME, TYPE, KEY, VALUE, ENTRIES, FLAGS)                                              \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##TYPE);                                                 \
		__type(key, KEY);                                                                  \
		__type(value, VALUE);                                                              \
		__uint(max_entries, ENTRIES);                                                      \
		__uint(map_flags, FLAGS);                                                          \
	} NAME SEC(".maps")

// written by the agent
TABLE(host, ARRAY, __u32, struct host, 1, 0);
TABLE(vteps, HASH, union address, __u32, 65536, BPF_F_NO_PREALLOC);
TABLE(networks, HASH, __u32, __u32, 65536, BPF_F_NO_PREALLOC); // -> domain
TABLE(routes, LPM_TRIE, struct route_key, struct route, 1 << 18, BPF_F_NO_PREALLOC);
TABLE(interfaces, HASH, struct interface_key, struct interface, 65536, BPF_F_NO_PREALLOC);
TABLE(limits, HASH, struct limit_key, struct limit, 131072, BPF_F_NO_PREALLOC);
TABLE(ports, HASH, __u32, struct port, 65536, BPF_F_NO_PREALLOC);
TABLE(fdb, HASH, struct mac_key, struct where, 1 << 20, BPF_F_NO_PREALLOC);
TABLE(neighbours, HASH, struct address_key, struct neighbour, 1 << 20, BPF_F_NO_PREALLOC);
TABLE(allowed, LPM_TRIE, struct allowed_key, __u32, 1 << 20, BPF_F_NO_PREALLOC);
TABLE(prefixes, LPM_TRIE, struct prefix_key, __u64, 1 << 20, BPF_F_NO_PREALLOC);
TABLE(peers, HASH, struct peer_key, __u64, 1 << 18, BPF_F_NO_PREALLOC);
TABLE(classes, LPM_TRIE, struct class_key, struct verdict, 1 << 20, BPF_F_NO_PREALLOC);
TABLE(flood, HASH, struct flood_key, struct where, 1 << 18, BPF_F_NO_PREALLOC);
TABLE(members, HASH, struct member_key, __u32, 1 << 20, BPF_F_NO_PREALLOC);
TABLE(backends, HASH, struct page_key, struct page, 1 << 18, BPF_F_NO_PREALLOC);
TABLE(services, HASH, struct service_key, struct service, 1 << 18, BPF_F_NO_PREALLOC);
TABLE(doors, HASH, __u32, struct door, 1024, BPF_F_NO_PREALLOC);
// written by the switch
TABLE(moved, LRU_HASH, struct address_key, struct neighbour, 16384, 0);
TABLE(moved_fdb, LRU_HASH, struct mac_key, struct where, 16384, 0);
TABLE(flows, LRU_HASH, struct flow_key, struct flow, 1 << 18, 0);
TABLE(chosen, LRU_HASH, struct chosen_key, struct chosen, 1 << 17, 0);
TABLE(stickies, LRU_HASH, struct sticky_key, struct sticky, 1 << 16, 0);
TABLE(fragments, LRU_HASH, struct fragment_key, struct transport, 8192, 0);
TABLE(allowances, LRU_HASH, __u32, struct allowance, 8192, 0);
TABLE(callers, LRU_HASH, struct caller_key, struct caller, 32768, 0);
TABLE(said, PERCPU_ARRAY, __u32, struct allowance, 1, 0);
TABLE(buckets, HASH, struct limit_key, struct bucket, 131072, BPF_F_NO_PREALLOC);
TABLE(carried, LRU_PERCPU_HASH, __u64, struct carried, 16384, 0);
TABLE(counters, PERCPU_HASH, __u32, struct counter, 65536, BPF_F_NO_PREALLOC);
TABLE(drops, PERCPU_ARRAY, __u32, __u64, REASONS, 0);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} asked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} denied SEC(".maps");

struct way { // of a packet; `router` is 0 where none has a part in it
	__u32 router;   // the last one, or the one that has something to say
	__u32 first;    // whose interface the packet was sent to, 0 from the overlay
	__u32 domain;
	__u32 at;       // network by which the packet comes to `router`
	__u32 from;     // networks in which the two ends are known, 0 for none
	__u32 to;
	__u32 mtu;
	__u32 next;     // router that is the next hop
	__u32 ifindex;  // where the next hop is
	union address vtep;
	__u8 mac[6];     // the next hop's
	__u8 own_mac[6]; // and the interface's that sends there
	__u8 passed;     // routers
	__u8 own;        // it ends at a router's own address
	__u8 pad[2];
};

struct packet { // what a program run knows of its packet
	union address source;
	union address destination;
	struct flow_key key;
	struct transport transport;
	struct way way;
	__u64 now;
	__u32 vni;
	__u32 ifindex; // of the port that sent it, 0 from the overlay
	__u32 fragment_id;
	__u32 seed;   // of ports for the client, as it has spoken
	__u16 ethertype;
	__u8 source_mac[6];
	__u8 destination_mac[6];
	__u8 next_mac[6];      // to whom it goes within its network, if it is served
	__u8 served;           // a backend has been chosen
	__u8 own;              // it is the sender itself
	__u8 direct;
	__u8 later;            // fragment that is not the first
	__u8 more;             // first fragment of several
	__u8 fragment_protocol;
	__u8 tcp_flags;
	__u8 hop_limit;
	__u8 from_high;        // the sender is the key's high end
	__u8 fresh;            // the flow is new: in `scratch` only. STALE: another is in its place
	__u8 judged;           // a port of ours has allowed it
	__u8 announces;        // an address that has moved here
	__u8 tcp_header;       // its length in bytes
	__u8 tos;              // or traffic class
	__u8 mark;             // the same outside, in the tunnel
	__u8 dscp;             // of the port that sent it, for flag MARKED
	__u16 flags;           // of the port that sent it
	__u16 offset;          // of layer 4
	__be16 checksum;       // of the IPv4 header
	__u8 guest;            // its sender is at no port
	__u8 begins;           // its flow to a service does
	__u8 pad[2];
	__u32 length;          // of layer 3, or of one segment of it
	// from here on set by who is about to look for a service, and not cleared for others
	struct turn asked;     // the service that it was sent to; `destination` is the backend then
	union address inner;   // that a guest has within the network; none if it keeps its own
};

struct quoted { // the ends of the packet that an ICMP error is about
	union address source;
	union address destination;
	struct transport transport;
};

struct scratch { // too large for the stack
	struct packet packet;
	struct quoted quoted;
	struct flow flow; // one that is not in `flows` yet
	struct chosen_key choosing; // for whom a backend is looked for, and which it is
	struct chosen now;
	__u8 quote[QUOTE];
};

TABLE(scratch, PERCPU_ARRAY, __u32, struct scratch, 1, 0);

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

static __always_inline struct route *route_of(__u32 router, const union address *address)
{
	struct route_key key = {.prefixlen = 160, .router = router, .address = *address};
	if (!is_v4(address))
		key.router |= IPV6_ROUTE;
	return bpf_map_lookup_elem(&routes, &key);
}

// The network in which a router of ours finds the address, through several if need be.
SUBPROGRAM __u32 home_of(__u32 router, const union address *address)
{
	REQUIRE(address);
	for (int i = 0; i < ROUTERS; i++) {
		struct route *route = route_of(router, address);
		if (!route || route->own)
			return 0;
		struct hop *hop = &route->hop[0];
		if (unspecified(&hop->address))
			return hop->vni;
		struct neighbour *neighbour = neighbour_of(hop->vni, &hop->address);
		struct where *where = neighbour ? where_is(hop->vni, neighbour->mac) : NULL;
		if (!where || !where->router)
			return hop->vni;
		router = where->router;
	}
	return 0;
}

// Where the groups of one of the packet's ends are known.
static __always_inline __u32 network_of(struct packet *p, bool source)
{
	if (!source)
		return p->way.to;
	if (p->way.router && !p->way.first && !p->way.from)
		p->way.from = home_of(p->way.router, &p->source);
	return p->way.from;
}

static __always_inline bool has_icmp(const struct packet *p)
{
	return p->transport.protocol == (p->ethertype == ETH_P_IP ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

// Puts the two ends in order; says whether the sender is the high one.
SUBPROGRAM int make_key(struct flow_key *key, const union address *source,
			       const union address *destination,
			       const struct transport *transport)
{
	REQUIRE(key && source && destination && transport);
	bool high = source->half[0] != destination->half[0]
			    ? source->half[0] > destination->half[0]
		    : source->half[1] != destination->half[1]
			    ? source->half[1] > destination->half[1]
			    : transport->source_port > transport->destination_port;
	key->low = high ? *destination : *source;
	key->high = high ? *source : *destination;
	key->low_port = high ? transport->destination_port : transport->source_port;
	key->high_port = high ? transport->source_port : transport->destination_port;
	key->protocol = transport->protocol;
	if (transport->echo) // who asks is part of the key: two hosts may ping with one identifier
		key->high_port = (transport->echo == REQUEST) == high;
	return high;
}

// Another CPU may have written a time that is a little later than ours: no time has passed then.
static __always_inline __u64 since(const struct packet *p, __u64 then)
{
	__s64 passed = p->now - then;
	return passed > 0 ? passed : 0;
}

// How long a silent flow is remembered (nf_conntrack's defaults).
static __always_inline __u64 lifetime(__u8 protocol, __u8 state)
{
	switch (protocol) {
	case IPPROTO_TCP:
		if (state & RESET)
			return 10 * SECOND;
		if ((state & FIN_SENT) && (state & FIN_REPLIED))
			return 60 * SECOND;
		if (state & (FIN_SENT | FIN_REPLIED))
			return 120 * SECOND;
		return (state & REPLIED ? 432000 : 120) * SECOND;
	case IPPROTO_UDP:
		return (state & REPLIED ? 180 : 30) * SECOND;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 30 * SECOND;
	}
	return 600 * SECOND;
}

// A connection request where an older connection has ended, or was cut, begins a new flow.
static __always_inline bool begins_anew(const struct packet *p, const struct flow *flow)
{
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return false;
	return flow->state & (RESET | FIN_SENT | FIN_REPLIED | REVOKED);
}

static __noinline struct flow *new_flow(struct packet *p)
{
	__u32 zero = 0;
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	if (!own)
		return NULL;
	struct flow *flow = &own->flow;
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->from_high = p->from_high;
	flow->icmp = p->transport.icmp;
	p->fresh = FRESH;
	return flow;
}

// The flow of a packet, made if there is none; NULL where only a flow already known would matter.
static __always_inline struct flow *find_flow(struct packet *p)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &p->key);
	if (flow && since(p, flow->seen) < lifetime(p->key.protocol, flow->state) &&
	    !begins_anew(p, flow))
		return flow;
	if (p->transport.kind == ERROR || p->transport.echo == REPLY) {
		p->transport.kind = SINGLE;
		return NULL;
	}
	bool stale = flow;
	flow = new_flow(p);
	if (stale)
		p->fresh = STALE;
	return flow;
}

// In the place of the one that had its key before, which is cheaper than one from the free list.
SUBPROGRAM int keep_flow(struct packet *p, struct flow *flow)
{
	REQUIRE(p && flow);
	struct flow *stale = p->fresh == STALE ? bpf_map_lookup_elem(&flows, &p->key) : NULL;
	if (stale)
		*stale = *flow;
	else
		bpf_map_update_elem(&flows, &p->key, flow, BPF_ANY);
	return 0;
}

// Re-evaluates the originator's direction of a flow against the policy as it is now.
SUBPROGRAM int judge(struct packet *p, struct flow *flow, struct half *half, __u64 policy,
			    __u32 side)
{
	REQUIRE(p && flow && half);
	struct flow_key *key = &p->key;
	bool remote_high = (side == EGRESS) != flow->from_high;
	__be16 port = flow->from_high ? key->low_port : key->high_port;
	if (key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6)
		port = flow->icmp;
	if (!allows(policy, side, remote_high ? &key->high : &key->low,
		    what_of(key->protocol, port), network_of(p, remote_high == p->from_high))) {
		half->policy = 0;
		flow->state |= REVOKED;
		return 0;
	}
	half->policy = policy;
	half->checked = p->now;
	return 1;
}

// May this packet leave (EGRESS) or enter (INGRESS) a port with this policy?
static __always_inline bool may(struct packet *p, struct flow *flow, __u64 policy, __u32 way)
{
	if (p->transport.kind == OTHER || !policy)
		return false;
	if (!flow) {
		__be16 port = has_icmp(p) ? p->transport.icmp : p->transport.destination_port;
		return allows(policy, way, way == EGRESS ? &p->destination : &p->source,
			      what_of(p->transport.protocol, port),
			      network_of(p, way == INGRESS));
	}
	p->judged = 1;
	bool reply = p->from_high != flow->from_high;
	__u32 side = reply ? !way : way;
	struct half *half = side == EGRESS ? &flow->egress : &flow->ingress;
	if (half->policy == policy && since(p, half->checked) < SECOND)
		return true;
	return judge(p, flow, half, policy, side);
}

// The packet passes: its flow is alive, and a step further.
static __always_inline void remember(struct packet *p, struct flow *flow)
{
	if (!flow || !p->judged || p->transport.kind != FLOW)
		return;
	bool reply = p->from_high != flow->from_high;
	__u8 state = flow->state & ~REVOKED;
	if (reply)
		state |= REPLIED;
	if (p->tcp_flags & TCP_FIN)
		state |= reply ? FIN_REPLIED : FIN_SENT;
	if (p->tcp_flags & TCP_RST)
		state |= RESET;
	if (state != flow->state)
		flow->state = state;
	if (since(p, flow->seen) > SECOND)
		flow->seen = p->now;
	if (p->fresh)
		keep_flow(p, flow);
}

static __always_inline int to_port(struct __sk_buff *skb, __u32 ifindex, struct port *port)
{
	count_in(skb, ifindex);
	skb->cb[1] = ifindex;
	if (!(port->flags & VETH))
		return bpf_redirect(ifindex, 0);
	if (skb->pkt_type != PACKET_HOST) // it was not for our end of the sender's veth
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(ifindex, 0);
}

static __always_inline int set_tunnel(struct __sk_buff *skb, __u32 vni, const union address *vtep,
				      __u8 tos)
{
	struct bpf_tunnel_key key = {.tunnel_id = vni, .tunnel_ttl = 64, .tunnel_tos = tos};
	if (is_v4(vtep)) {
		key.remote_ipv4 = bpf_ntohl(vtep->word[3]);
		return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX);
	}
	__builtin_memcpy(key.remote_ipv6, vtep, 16);
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6);
}

static __always_inline __u32 vxlan_ifindex(void)
{
	__u32 zero = 0;
	struct host *own = bpf_map_lookup_elem(&host, &zero);
	return own ? own->vxlan : 0;
}

// The sum with one of its words changed (RFC 1624, equation 3).
static __always_inline __be16 changed(__be16 sum, __be16 from, __be16 to)
{
	__u32 value = (__u32)(__u16)~sum + (__u16)~from + to;
	value = (value & 0xffff) + (value >> 16);
	value = (value & 0xffff) + (value >> 16);
	return ~value;
}

static __always_inline __u32 headers(const struct packet *p)
{
	return p->offset + (p->transport.protocol == IPPROTO_TCP ? p->tcp_header : 8);
}

// What the packet takes on a wire: each segment that it stands for has headers of its own.
static __always_inline __u64 bytes_of(struct __sk_buff *skb, const struct packet *p)
{
	__u32 length = skb->len, size = skb->gso_size, header = headers(p);
	if (!size || length <= header)
		return length;
	return length + (__u64)header * ((length - header - 1) / size);
}

static __always_inline struct bucket *bucket_of(const struct limit_key *key, __s64 least)
{
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, key);
	if (bucket)
		return bucket;
	struct bucket full = {.used = least};
	bpf_map_update_elem(&buckets, key, &full, BPF_NOEXIST);
	return bpf_map_lookup_elem(&buckets, key);
}

// A packet takes as much of a port's time as it lasts at the limit's rate. Time that was not used
// is kept, up to `burst`; a packet for which there is not enough of it is over the limit.
SUBPROGRAM int over_limit(struct __sk_buff *skb, struct packet *p, __u32 ifindex, __u32 side)
{
	struct limit_key key = {.ifindex = ifindex, .side = side};
	REQUIRE(p);
	struct limit *limit = bpf_map_lookup_elem(&limits, &key);
	if (!limit || !limit->kbps)
		return 0;
	__s64 now = bpf_ktime_get_ns(), least = now - limit->burst;
	__u64 takes = (bytes_of(skb, p) * NS_KBPS + limit->kbps - 1) / limit->kbps;
	if (takes > limit->burst)
		takes = limit->burst; // or else it would never pass
	struct bucket *bucket = bucket_of(&key, least);
	if (!bucket)
		return 0;
	bpf_spin_lock(&bucket->lock);
	__s64 used = bucket->used > least ? bucket->used : least;
	bool over = used + (__s64)takes > now;
	if (!over)
		bucket->used = used + takes;
	bpf_spin_unlock(&bucket->lock);
	return over;
}

// The DSCP of the port's policy; what ECN says is its owner's.
SUBPROGRAM int set_dscp(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	__u8 now[2] = {0, p->dscp << 2 | (p->tos & 3)}, before[2] = {0, p->tos}, word[2];
	p->mark = p->dscp << 2;
	if (p->ethertype == ETH_P_IP) {
		p->checksum = changed(p->checksum, *(__be16 *)before, *(__be16 *)now);
		bpf_skb_store_bytes(skb, ETH_HLEN + 1, now + 1, 1, 0);
		bpf_skb_store_bytes(skb, ETH_HLEN + 10, &p->checksum, 2, 0);
	} else if (!bpf_skb_load_bytes(skb, ETH_HLEN, word, 2)) {
		word[0] = 0x60 | now[1] >> 4;
		word[1] = now[1] << 4 | (word[1] & 15);
		bpf_skb_store_bytes(skb, ETH_HLEN, word, 2, BPF_F_RECOMPUTE_CSUM);
	}
	return 0;
}

// What the QoS policy of the sending port makes of a packet that may leave.
static __always_inline int shape(struct __sk_buff *skb, struct packet *p)
{
	if ((p->flags & LIMITED_EGRESS) && over_limit(skb, p, p->ifindex, EGRESS))
		return OVER_LIMIT;
	if ((p->flags & MARKED) && (p->ethertype == ETH_P_IP || p->ethertype == ETH_P_IPV6))
		set_dscp(skb, p);
	return PASSED;
}

static __always_inline void set_hop_limit(struct __sk_buff *skb, struct packet *p, __u8 limit)
{
	struct {
		__u8 limit;
		__u8 protocol;
		__be16 checksum;
	} now = {.limit = limit, .protocol = p->fragment_protocol};
	if (p->ethertype == ETH_P_IPV6) {
		bpf_skb_store_bytes(skb, ETH_HLEN + 7, &limit, 1, BPF_F_RECOMPUTE_CSUM);
		return;
	}
	__u8 before[2] = {p->hop_limit, p->fragment_protocol};
	now.checksum = changed(p->checksum, *(__be16 *)before, *(__be16 *)&now);
	bpf_skb_store_bytes(skb, ETH_HLEN + 8, &now, sizeof(now), 0);
}

static __always_inline void set_macs(struct __sk_buff *skb, const __u8 *source,
				     const __u8 *destination)
{
	__u8 macs[12];
	__builtin_memcpy(macs, destination, 6);
	__builtin_memcpy(macs + 6, source, 6);
	bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
}

// Where the checksum of layer 4 is, and how it is to be changed: one of 0 is none, in UDP.
static __always_inline __u32 sum_at(const struct packet *p)
{
	return p->offset + (p->transport.protocol == IPPROTO_UDP ? 6 : 16);
}

static __always_inline __u32 sum_flags(const struct packet *p)
{
	return p->transport.protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
}

// Another source or destination, and the checksums with it.
static __always_inline void set_end(struct __sk_buff *skb, struct packet *p, bool source,
				    const union address *from, const union address *to)
{
	__u32 flags = BPF_F_PSEUDO_HDR | sum_flags(p);
	if (p->ethertype == ETH_P_IP) {
		if (!p->later)
			bpf_l4_csum_replace(skb, sum_at(p), from->word[3], to->word[3], flags | 4);
		bpf_l3_csum_replace(skb, ETH_HLEN + 10, from->word[3], to->word[3], 4);
		bpf_skb_store_bytes(skb, ETH_HLEN + (source ? 12 : 16), &to->word[3], 4, 0);
		return;
	}
	__s64 diff = bpf_csum_diff((__be32 *)from, 16, (__be32 *)to, 16, 0);
	if (!p->later)
		bpf_l4_csum_replace(skb, sum_at(p), 0, diff, flags);
	bpf_skb_store_bytes(skb, ETH_HLEN + (source ? 8 : 24), to, 16, 0);
}

static __always_inline void set_l4_port(struct __sk_buff *skb, struct packet *p, bool source,
					__be16 from, __be16 to)
{
	if (p->later || from == to)
		return;
	bpf_l4_csum_replace(skb, sum_at(p), from, to, sum_flags(p) | 2);
	bpf_skb_store_bytes(skb, p->offset + (source ? 0 : 2), &to, 2, 0);
}

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

// What the routers on the packet's way do to it.
static __always_inline void rewrite(struct __sk_buff *skb, struct packet *p, const __u8 *source)
{
	set_macs(skb, source, p->way.mac);
	if (p->way.passed)
		set_hop_limit(skb, p, p->hop_limit - p->way.passed);
	skb->cb[4] = p->way.to;
}

static __always_inline int to_overlay(struct __sk_buff *skb, struct packet *p,
				      const union address *vtep)
{
	__u32 vxlan = vxlan_ifindex(), router = p->way.router;
	if (!vxlan || set_tunnel(skb, p->way.to, vtep, p->mark))
		return drop(skb, NO_TUNNEL, p->ifindex);
	if (router) {
		__u8 mac[6] = {0x02, 0x70, 0x6f, router >> 16, router >> 8, router};
		rewrite(skb, p, mac);
	}
	if (p->served)
		turn(skb, p);
	skb->cb[1] = vxlan;
	skb->cb[3] = vtep->word[3];
	return bpf_redirect(vxlan, 0);
}

struct copying {
	struct __sk_buff *skb;
	struct packet *packet;
	__u32 list; // network, or domain, in `flood`
	__u32 first;
	__u32 vxlan;
	__u32 copies;
};

static __always_inline struct where *copy_to(__u32 index, struct copying *c)
{
	struct flood_key key = {.vni = c->list, .index = c->first + index};
	return bpf_map_lookup_elem(&flood, &key);
}

static __always_inline bool copy_may_enter(struct packet *p, struct port *port)
{
	if (!(port->flags & PORT_SECURITY) || (p->transport.exempt & EXEMPT_RECEIVING))
		return true;
	return may(p, NULL, port->policy, INGRESS);
}

static long copy_to_port(__u32 index, void *context)
{
	struct copying *c = context;
	struct where *where = copy_to(index, c);
	if (!where)
		return 1;
	__u32 ifindex = where->ifindex;
	if (ifindex == c->packet->ifindex)
		return 0;
	struct port *port = bpf_map_lookup_elem(&ports, &ifindex);
	if (!port || !(port->flags & ADMIN_UP))
		return 0;
	if (!copy_may_enter(c->packet, port)) {
		count_drop(FILTERED_COPY, ifindex);
		return 0;
	}
	if ((port->flags & LIMITED_INGRESS) && over_limit(c->skb, c->packet, ifindex, INGRESS)) {
		count_drop(OVER_LIMIT, ifindex);
		return 0;
	}
	count_in(c->skb, ifindex);
	bpf_clone_redirect(c->skb, ifindex, 0);
	c->copies++;
	return 0;
}

static long copy_to_vtep(__u32 index, void *context)
{
	struct copying *c = context;
	struct where *where = copy_to(index, c);
	if (!where)
		return 1;
	if (!set_tunnel(c->skb, c->packet->vni, &where->vtep, c->packet->mark)) {
		bpf_clone_redirect(c->skb, c->vxlan, 0);
		c->copies++;
	}
	return 0;
}

// Within the network only; what came from the overlay has been given to the other hosts already.
SUBPROGRAM int flood_packet(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	struct copying c = {.skb = skb, .packet = p, .list = p->vni, .vxlan = vxlan_ifindex()};
	__u32 vni = p->vni;
	bpf_loop(REMOTE, copy_to_port, &c, 0);
	c.first = REMOTE;
	__u32 *domain = p->announces ? bpf_map_lookup_elem(&networks, &vni) : NULL;
	if (domain && *domain) { // all that route to it must know
		c.list = *domain;
		c.first = MEMBERS;
	}
	if (p->ifindex && c.vxlan)
		bpf_loop(REMOTE, copy_to_vtep, &c, 0);
	skb->cb[2] = c.copies;
	return TC_ACT_SHOT; // the original: all copies are on their way
}

// Headers mostly lie where they can be read without a call.
static __always_inline int load(struct __sk_buff *skb, __u64 offset, void *to, __u64 size)
{
	const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	if (offset < NEAR && data + offset + size <= end) {
		__builtin_memcpy(to, data + offset, size);
		return 0;
	}
	return bpf_skb_load_bytes(skb, offset, to, size);
}

static __always_inline int parse_ports(struct __sk_buff *skb, struct packet *p)
{
	struct transport *t = &p->transport;
	__u8 tcp[14];
	t->kind = FLOW;
	switch (t->protocol) {
	case IPPROTO_TCP:
		if (load(skb, p->offset, tcp, sizeof(tcp)))
			return MALFORMED;
		t->source_port = *(__be16 *)tcp;
		t->destination_port = *(__be16 *)(tcp + 2);
		p->tcp_flags = tcp[13];
		p->tcp_header = (tcp[12] >> 4) * 4;
		return PASSED;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return bpf_skb_load_bytes(skb, p->offset, t, 4) ? MALFORMED : PASSED;
	}
	return PASSED;
}

static __always_inline bool is_error(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMP)
		return type == 3 || type == 11 || type == 12;
	return protocol == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
}

static __always_inline void parse_icmp4(struct transport *t, __u8 type)
{
	t->kind = SINGLE;
	if (type == 8 || type == 0) {
		t->kind = FLOW;
		t->echo = type ? REQUEST : REPLY;
	} else if (is_error(IPPROTO_ICMP, type)) {
		t->kind = ERROR;
	}
}

static __always_inline void parse_icmp6(struct transport *t, __u8 type)
{
	t->kind = SINGLE;
	if (type == 128 || type == 129) {
		t->kind = FLOW;
		t->echo = type == 128 ? REQUEST : REPLY;
	} else if (is_error(IPPROTO_ICMPV6, type)) {
		t->kind = ERROR;
	} else if ((type >= 130 && type <= 137) || type == 143) { // MLD (RFC 3810), ND (RFC 4861)
		t->exempt = EXEMPT_SENDING | EXEMPT_RECEIVING;
	}
}

static __always_inline int parse_icmp(struct __sk_buff *skb, struct packet *p)
{
	struct transport *t = &p->transport;
	__u8 icmp[8];
	if (bpf_skb_load_bytes(skb, p->offset, icmp, sizeof(icmp)))
		return MALFORMED;
	t->icmp = *(__be16 *)icmp;
	if (p->ethertype == ETH_P_IP)
		parse_icmp4(t, icmp[0]);
	else
		parse_icmp6(t, icmp[0]);
	if (t->echo)
		t->source_port = t->destination_port = *(__be16 *)(icmp + 4);
	return PASSED;
}

// DHCP is not for users' rules to break: clients may ask, and be answered (RFC 2131, RFC 8415).
static __always_inline void parse_dhcp(struct packet *p)
{
	struct transport *t = &p->transport;
	__be16 client = p->ethertype == ETH_P_IP ? bpf_htons(68) : bpf_htons(546);
	__be16 server = p->ethertype == ETH_P_IP ? bpf_htons(67) : bpf_htons(547);
	if (t->protocol != IPPROTO_UDP)
		return;
	if (t->source_port == client && t->destination_port == server)
		t->exempt = EXEMPT_SENDING;
	if (t->source_port == server && t->destination_port == client)
		t->exempt = EXEMPT_RECEIVING;
	if (t->exempt)
		t->kind = SINGLE;
}

SUBPROGRAM int first_fragment(struct packet *p, bool later)
{
	REQUIRE(p);
	struct fragment_key key = {.vni = p->vni,
				   .id = p->fragment_id,
				   .source = p->source,
				   .destination = p->destination,
				   .protocol = p->fragment_protocol};
	if (!later) {
		struct transport kept = p->transport;
		if (kept.kind == ERROR)
			kept.kind = SINGLE; // what it is about is not in the later fragments
		bpf_map_update_elem(&fragments, &key, &kept, BPF_ANY);
		return PASSED;
	}
	struct transport *known = bpf_map_lookup_elem(&fragments, &key);
	if (!known)
		return LATE_FRAGMENT;
	p->transport = *known;
	return PASSED;
}

static __always_inline int parse_transport(struct __sk_buff *skb, struct packet *p)
{
	if (p->later)
		return first_fragment(p, true);
	int reason = has_icmp(p) ? parse_icmp(skb, p) : parse_ports(skb, p);
	if (reason)
		return reason;
	parse_dhcp(p);
	return p->more ? first_fragment(p, false) : PASSED;
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *p)
{
	struct ipv4 ip;
	if (load(skb, ETH_HLEN, &ip, sizeof(ip)))
		return MALFORMED;
	__u32 header = (ip.version_ihl & 15) * 4;
	__u32 length = bpf_ntohs(ip.length) ?: (skb->gso_size ? skb->len - ETH_HLEN : 0);
	if (ip.version_ihl >> 4 != 4 || header < sizeof(ip) || length < header ||
	    ETH_HLEN + length > skb->len)
		return MALFORMED;
	set_v4(&p->source, ip.source);
	set_v4(&p->destination, ip.destination);
	p->transport.protocol = p->fragment_protocol = ip.protocol;
	p->hop_limit = ip.ttl;
	p->tos = ip.tos;
	p->checksum = ip.checksum;
	p->offset = ETH_HLEN + header;
	p->fragment_id = ip.id;
	__u16 fragment = bpf_ntohs(ip.fragment);
	p->later = (fragment & 0x1fff) != 0;
	p->more = (fragment & 0x2000) != 0;
	if (ip.protocol == IPPROTO_TCP && (fragment & 0x1fff) == 1)
		return MALFORMED; // would overwrite the ports of the first one (RFC 3128)
	return parse_transport(skb, p);
}

struct extension {
	__u8 next;
	__u8 length;
	__be16 fragment;
	__be32 id;
};

// One IPv6 extension header; says whether to go on to the next one. `next` is in p->transport.
static __always_inline int step_over(struct __sk_buff *skb, struct packet *p)
{
	struct extension extension;
	__u8 protocol = p->transport.protocol;
	if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING &&
	    protocol != IPPROTO_DSTOPTS && protocol != IPPROTO_FRAGMENT && protocol != IPPROTO_AH)
		return 0;
	if (bpf_skb_load_bytes(skb, p->offset, &extension, sizeof(extension)))
		return -1;
	p->transport.protocol = extension.next;
	if (protocol != IPPROTO_FRAGMENT) {
		p->offset += protocol == IPPROTO_AH ? (extension.length + 2) * 4
						    : (extension.length + 1) * 8;
		return 1;
	}
	__u16 fragment = bpf_ntohs(extension.fragment);
	p->offset += 8;
	p->later = (fragment & 0xfff8) != 0;
	p->more = fragment & 1;
	p->fragment_id = extension.id;
	p->fragment_protocol = extension.next;
	return !p->later;
}

SUBPROGRAM int parse_extensions(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	for (int i = 0; i < EXTENSIONS; i++) {
		int more = step_over(skb, p);
		if (more < 0)
			return MALFORMED;
		if (!more)
			return PASSED;
	}
	return MALFORMED;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6 ip;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return MALFORMED;
	if ((bpf_ntohl(ip.flow) >> 28) != 6 || ETH_HLEN + 40 + bpf_ntohs(ip.length) > skb->len)
		return MALFORMED;
	p->source = ip.source;
	p->destination = ip.destination;
	p->transport.protocol = ip.next;
	p->hop_limit = ip.hop_limit;
	p->tos = bpf_ntohl(ip.flow) >> 20;
	p->offset = ETH_HLEN + sizeof(ip);
	if (is_v4(&p->source) || is_v4(&p->destination))
		return MALFORMED; // never on a wire (RFC 4291 2.5.5.2), and would pass for IPv4 here
	if (ip.next != IPPROTO_TCP && ip.next != IPPROTO_UDP) {
		int reason = parse_extensions(skb, p);
		if (reason)
			return reason;
	}
	return parse_transport(skb, p);
}

static __always_inline int parse_ethernet(struct __sk_buff *skb, struct packet *p)
{
	struct ethhdr ethernet;
	if (load(skb, 0, &ethernet, sizeof(ethernet)))
		return MALFORMED;
	__builtin_memcpy(p->source_mac, ethernet.h_source, 6);
	__builtin_memcpy(p->destination_mac, ethernet.h_dest, 6);
	p->ethertype = skb->vlan_present ? ETH_P_8021Q : bpf_ntohs(ethernet.h_proto);
	if (p->ethertype == ETH_P_ARP)
		p->transport.exempt = EXEMPT_SENDING | EXEMPT_RECEIVING;
	p->key.vni = p->vni;
	p->now = bpf_ktime_get_coarse_ns();
	return is_group(p->source_mac) ? MALFORMED : PASSED;
}

// The ends of the packet that an ICMP error is about, into `scratch`; 0 for what has none.
SUBPROGRAM int read_quoted(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	__u32 zero = 0, offset = p->offset + 8;
	__u8 start[8];
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	if (!own)
		return 0;
	struct quoted *q = &own->quoted;
	struct transport *t = &q->transport;
	__builtin_memset(t, 0, sizeof(*t));
	if (p->ethertype == ETH_P_IP) {
		struct ipv4 ip;
		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) ||
		    (bpf_ntohs(ip.fragment) & 0x1fff))
			return 0;
		set_v4(&q->source, ip.source);
		set_v4(&q->destination, ip.destination);
		t->protocol = ip.protocol;
		offset += (ip.version_ihl & 15) * 4;
	} else {
		struct ipv6 ip;
		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)))
			return 0;
		q->source = ip.source;
		q->destination = ip.destination;
		t->protocol = ip.next;
		offset += sizeof(ip);
	}
	if (bpf_skb_load_bytes(skb, offset, start, sizeof(start)))
		return 0;
	bool request = p->ethertype == ETH_P_IP ? start[0] == 8 : start[0] == 128;
	bool reply = p->ethertype == ETH_P_IP ? start[0] == 0 : start[0] == 129;
	switch (t->protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (!request && !reply)
			return 0;
		t->echo = request ? REQUEST : REPLY;
		t->source_port = t->destination_port = *(__be16 *)(start + 4);
		break;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		t->source_port = *(__be16 *)start;
		t->destination_port = *(__be16 *)(start + 2);
	}
	return 1;
}

static __always_inline struct quoted *quoted_in(struct __sk_buff *skb, struct packet *p)
{
	__u32 zero = 0;
	struct scratch *own = read_quoted(skb, p) ? bpf_map_lookup_elem(&scratch, &zero) : NULL;
	return own ? &own->quoted : NULL;
}

// What an ICMP error is about: a packet of the flow whose other direction the error takes.
SUBPROGRAM int parse_error(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	struct quoted *q = quoted_in(skb, p);
	if (!q)
		return 0;
	p->from_high = !make_key(&p->key, &q->source, &q->destination, &q->transport);
	return 1;
}

// Would an answer go back into the network that the packet came from? (RFC 3704, strict)
SUBPROGRAM int comes_back(struct packet *p)
{
	REQUIRE(p);
	struct route *route = route_of(p->way.first, &p->source);
	const __u8 *source = p->source.byte;
	if (source[0] == 0xfe && (source[1] & 0xc0) == 0x80)
		return 0; // whatever routes say, link-local sources stay on their link (RFC 4291 2.5.6)
	if (!route || route->own)
		return 0;
	for (int i = 0; i < HOPS; i++) {
		if (i < route->total && route->hop[i].vni == p->vni)
			return 1;
	}
	return 0;
}

static __always_inline bool is_astray(struct packet *p)
{
	bool asks_router = p->way.own && p->way.router == p->way.first;
	return p->way.first && !asks_router && !comes_back(p);
}

// Secured ports send from their own addresses only. Checked once a second for each flow.
static __always_inline int vet_source(struct packet *p, struct flow *flow)
{
	struct source *source = NULL;
	if (flow && p->transport.kind == FLOW) {
		source = p->from_high ? &flow->high : &flow->low;
		if (source->ifindex == p->ifindex && same_mac(source->mac, p->source_mac) &&
		    since(p, source->verified) < SECOND)
			return PASSED;
	}
	int kind = allowed_kind(p->ifindex, p->source_mac, &p->source);
	if (!kind)
		return mac_allowed(p->ifindex, p->source_mac) ? SPOOFED_ADDRESS : SPOOFED_MAC;
	if (kind == MAC_ONLY && !(p->transport.exempt & EXEMPT_SENDING))
		return SPOOFED_ADDRESS;
	if (is_astray(p))
		return REVERSE_PATH;
	if (source) {
		source->verified = p->now;
		source->ifindex = p->ifindex;
		__builtin_memcpy(source->mac, p->source_mac, 6);
	}
	return PASSED;
}

// Things that only the network itself may say.
static __always_inline int vet_service(struct packet *p)
{
	struct transport *t = &p->transport;
	if (t->protocol == IPPROTO_UDP &&
	    t->source_port == (p->ethertype == ETH_P_IP ? bpf_htons(67) : bpf_htons(547)))
		return DHCP_SERVER;
	if (t->protocol == IPPROTO_ICMPV6 && p->ethertype == ETH_P_IPV6 &&
	    (*(__u8 *)&t->icmp == 134 || *(__u8 *)&t->icmp == 137))
		return ROUTER_ADVERTISEMENT;
	return PASSED;
}

// What this packet asks of the agent: one of the ASKS_ flags, 0 if nothing.
static __always_inline __u16 question(const struct packet *p)
{
	const struct transport *t = &p->transport;
	bool ipv4 = p->ethertype == ETH_P_IP;
	if (t->protocol == IPPROTO_UDP) {
		if (ipv4 && t->source_port == bpf_htons(68) && t->destination_port == bpf_htons(67))
			return ASKS_DHCPV4;
		if (!ipv4 && t->source_port == bpf_htons(546) &&
		    t->destination_port == bpf_htons(547))
			return ASKS_DHCPV6;
	}
	bool solicits = t->protocol == IPPROTO_ICMPV6 && *(__u8 *)&t->icmp == 133;
	return !ipv4 && solicits ? ASKS_ROUTER : 0;
}

// `who` is a port's ifindex: alone for questions to the agent, with CALLING for connections to the
// metadata service, with DENYING for what is told of it.
static __always_inline bool may_ask(const struct packet *p, __u32 who, __u32 most)
{
	struct allowance first = {.second = p->now / SECOND, .asked = 1};
	struct allowance *allowance = bpf_map_lookup_elem(&allowances, &who);
	if (!allowance) {
		bpf_map_update_elem(&allowances, &who, &first, BPF_ANY);
		return true;
	}
	if (allowance->second != first.second) {
		allowance->second = first.second;
		allowance->asked = 0;
	}
	if (allowance->asked >= most)
		return false;
	__sync_fetch_and_add(&allowance->asked, 1);
	return true;
}

// Counts what a policy denies, and tells the agent of some of what a port's packets are denied.
SUBPROGRAM int tell_denied(struct packet *p, struct flow *flow, __u32 ifindex, __u32 reason)
{
	REQUIRE(p);
	struct counter *counter = counter_of(ifindex);
	if (counter && reason == INGRESS_POLICY)
		counter->denied_in += 1;
	if (counter && reason == EGRESS_POLICY)
		counter->denied_out += 1;
	if (!may_ask(p, ifindex | DENYING, DENIALS))
		return 0;
	struct denied *record = bpf_ringbuf_reserve(&denied, sizeof(*record), 0);
	if (!record)
		return 0;
	record->ifindex = ifindex;
	record->vni = reason == INGRESS_POLICY ? p->way.from : p->way.to; // as far as it is known
	record->source = p->source;
	record->destination = p->destination;
	record->source_port = p->transport.source_port;
	record->port = has_icmp(p) ? p->transport.icmp : p->transport.destination_port;
	record->protocol = p->transport.protocol;
	record->reason = reason;
	record->reply = flow && p->from_high != flow->from_high;
	record->pad = 0;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __always_inline int deny(struct __sk_buff *skb, struct packet *p, struct flow *flow,
				__u32 reason, __u32 ifindex)
{
	tell_denied(p, flow, ifindex, reason);
	return drop(skb, reason, ifindex);
}

// Hands the packet to the agent, which answers at the port's device: it goes nowhere else.
SUBPROGRAM int ask(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	__u64 length = skb->len; // 64 bits: clang would check a copy of 32, and the verifier object
	if (!may_ask(p, p->ifindex, ASKS))
		return drop(skb, ASKED_TOO_OFTEN, p->ifindex);
	struct asked *record = bpf_ringbuf_reserve(&asked, sizeof(*record), 0);
	if (!record)
		return drop(skb, UNHEARD, p->ifindex);
	record->ifindex = p->ifindex;
	record->length = length;
	if (length > sizeof(record->frame))
		length = sizeof(record->frame);
	if (length < ETH_HLEN || bpf_skb_load_bytes(skb, 0, record->frame, length)) {
		bpf_ringbuf_discard(record, 0);
		return drop(skb, MALFORMED, p->ifindex);
	}
	bpf_ringbuf_submit(record, 0);
	skb->cb[1] = TO_AGENT;
	return TC_ACT_SHOT;
}

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

static __always_inline int leave(struct packet *p, struct flow *flow, struct port *sender)
{
	int reason = vet_source(p, flow);
	if (!reason)
		reason = vet_service(p);
	if (reason || (p->transport.exempt & EXEMPT_SENDING))
		return reason;
	return may(p, flow, sender->policy, EGRESS) ? PASSED : EGRESS_POLICY;
}

// An answer of a service to who came by one of the host's own devices: out by the same one.
static __always_inline int to_guest(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	struct turn *turn = &flow->turn;
	set_macs(skb, turn->own_mac, turn->guest_mac);
	skb->cb[1] = turn->device;
	skb->cb[4] = 0;
	return bpf_redirect(turn->device, 0);
}

static __always_inline int enter(struct __sk_buff *skb, struct packet *p, struct flow *flow,
				 __u32 ifindex, struct port *receiver)
{
	receiver = receiver ?: bpf_map_lookup_elem(&ports, &ifindex);
	if (ifindex == p->ifindex)
		return drop(skb, HAIRPIN, ifindex);
	if (!receiver || !(receiver->flags & ADMIN_UP))
		return drop(skb, DESTINATION_DOWN, ifindex);
	if ((receiver->flags & PORT_SECURITY) && !(p->transport.exempt & EXEMPT_RECEIVING) &&
	    !may(p, flow, receiver->policy, INGRESS))
		return deny(skb, p, flow, INGRESS_POLICY, ifindex);
	if ((receiver->flags & LIMITED_INGRESS) && over_limit(skb, p, ifindex, INGRESS))
		return drop(skb, OVER_LIMIT, ifindex);
	remember(p, flow);
	if (p->way.router)
		rewrite(skb, p, p->way.own_mac);
	if (p->served)
		turn(skb, p);
	else if (flow && flow->turned)
		turn_back(skb, p, flow);
	if (!p->served && flow && flow->turned && flow->turn.device &&
	    p->from_high != flow->turn.client_high)
		return to_guest(skb, p, flow);
	return to_port(skb, ifindex, receiver);
}

static __always_inline int unknown_destination(struct __sk_buff *skb, struct packet *p)
{
	__u32 vni = p->vni;
	bool carried = p->ifindex || bpf_map_lookup_elem(&networks, &vni);
	return drop(skb, carried ? UNKNOWN_DESTINATION : UNKNOWN_VNI, p->ifindex);
}

static __always_inline int forward_to(struct __sk_buff *skb, struct packet *p, struct flow *flow,
				      struct where *where, struct port *receiver)
{
	if (!where || where->router || (!where->ifindex && !p->ifindex))
		return unknown_destination(skb, p);
	if (where->ifindex)
		return enter(skb, p, flow, where->ifindex, receiver);
	remember(p, flow);
	return to_overlay(skb, p, &where->vtep);
}

static __always_inline int to_group(struct __sk_buff *skb, struct packet *p)
{
	__u32 vni = p->vni;
	if (!p->ifindex && !bpf_map_lookup_elem(&networks, &vni))
		return drop(skb, UNKNOWN_VNI, 0);
	return flood_packet(skb, p);
}

static __always_inline int forward(struct __sk_buff *skb, struct packet *p)
{
	if (shape(skb, p))
		return drop(skb, OVER_LIMIT, p->ifindex);
	if (is_group(p->destination_mac))
		return to_group(skb, p);
	return forward_to(skb, p, NULL, where_is(p->vni, p->destination_mac), NULL);
}

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

static __always_inline __u32 length_of(struct __sk_buff *skb, const struct packet *p)
{
	if (!skb->gso_size)
		return skb->len - ETH_HLEN;
	return headers(p) - ETH_HLEN + skb->gso_size;
}

// A packet to a router's interface: what the router makes of it, as far as it concerns the way.
static __always_inline int begin_way(struct __sk_buff *skb, struct packet *p, struct where *where)
{
	struct way *way = &p->way;
	way->router = way->first = where->router;
	way->domain = where->vtep.word[0];
	way->at = p->vni;
	way->to = 0;
	p->key.vni = way->domain;
	p->length = length_of(skb, p);
	return find_way(p);
}

// A packet that another host has routed: only in networks where that router is.
static __always_inline int arrive(struct packet *p)
{
	const __u8 *mac = p->source_mac;
	struct interface_key key = {.router = mac[3] << 16 | mac[4] << 8 | mac[5],
				    .vni = p->vni,
				    .family = p->ethertype == ETH_P_IP ? 4 : 6};
	if (is_group(p->destination_mac) ||
	    (p->ethertype != ETH_P_IP && p->ethertype != ETH_P_IPV6))
		return SPOOFED_MAC;
	struct interface *interface = bpf_map_lookup_elem(&interfaces, &key);
	if (!interface)
		return SPOOFED_MAC;
	p->way.router = key.router;
	p->way.from = 0;
	p->key.vni = interface->domain;
	__builtin_memcpy(p->way.mac, p->destination_mac, 6);
	__builtin_memcpy(p->way.own_mac, interface->mac, 6);
	return PASSED;
}

static __always_inline struct flow *flow_of(struct __sk_buff *skb, struct packet *p)
{
	if (is_group(p->destination_mac)) {
		p->transport.kind = SINGLE;
	} else if (p->transport.kind == FLOW) {
		p->from_high = make_key(&p->key, &p->source, &p->destination, &p->transport);
		return find_flow(p);
	} else if (p->transport.kind == ERROR && (p->served || parse_error(skb, p))) {
		return find_flow(p);
	}
	return NULL;
}

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

// A packet to the address of a service is one to a backend from here on; it is rewritten last, so
// that errors quote what its sender has sent.
SUBPROGRAM int serve(struct packet *p, struct where *where, struct service *service)
{
	REQUIRE(p && service);
	struct transport *t = &p->transport;
	if (!p->guest)
		__builtin_memset(&p->asked, 0, sizeof(p->asked));
	if (!p->guest || (service->flags & KEEPS_GUEST))
		p->inner.half[0] = p->inner.half[1] = 0;
	p->asked.address = p->destination;
	p->asked.port = t->destination_port;
	p->asked.client_port = t->source_port;
	p->asked.service = service->flags & COUNTED ? service->id : 0;
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
	if (!p->guest)
		__builtin_memset(&p->asked, 0, sizeof(p->asked));
	if (!p->guest || (service->flags & KEEPS_GUEST))
		p->inner.half[0] = p->inner.half[1] = 0;
	p->asked.address = q->source;
	p->asked.port = t->source_port;
	p->asked.client_port = t->destination_port;
	p->asked.service = service->flags & COUNTED ? service->id : 0;
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

static __always_inline bool has_services(const struct packet *p)
{
	__u32 zero = 0;
	struct host *own = bpf_map_lookup_elem(&host, &zero);
	return own && own->services && p->transport.kind == FLOW &&
	       (p->transport.protocol == IPPROTO_TCP || p->transport.protocol == IPPROTO_UDP);
}

// The flow knows what its client calls the backend. One flow has one name for it.
static __always_inline int note_turn(struct packet *p, struct flow *flow)
{
	bool turned = flow && flow->turned;
	if (!p->served)
		return turned && p->ifindex && p->from_high == flow->turn.client_high &&
				       p->transport.kind == FLOW
			       ? PORT_TAKEN
			       : PASSED;
	if (!flow || (turned && !is_asked(p, &flow->turn)))
		return PORT_TAKEN;
	if (p->transport.kind == ERROR)
		return turned ? PASSED : PORT_TAKEN;
	if (!turned || p->guest) { // guests' routers may have changed
		flow->turn = p->asked;
		flow->turn.client_high = p->from_high;
		flow->turned = 1;
	}
	p->begins = !turned;
	p->judged = 1;
	return PASSED;
}

static __always_inline bool is_for_guest(const struct packet *p, const struct flow *flow)
{
	return !p->served && flow && flow->turned && flow->turn.device &&
	       p->from_high != flow->turn.client_high && p->way.first &&
	       same(&p->destination, &flow->turn.guest);
}

// What a port answers to a guest that has kept its own address.
SUBPROGRAM int answer_guest(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	REQUIRE(p && flow);
	if (shape(skb, p))
		return drop(skb, OVER_LIMIT, p->ifindex);
	remember(p, flow);
	turn_back(skb, p, flow);
	return to_guest(skb, p, flow);
}

static __always_inline bool is_told(__u32 trouble)
{
	return trouble != NOT_ADMITTED && trouble != NO_LOCAL_BACKEND && trouble != PORT_TAKEN;
}

// The way of what a guest sends: as if the host's own port had sent it.
static __always_inline int way_of_guest(struct __sk_buff *skb, struct packet *p, struct door *door,
					__u32 scope)
{
	struct where *where = where_is(p->vni, door->gateway);
	int trouble = PASSED;
	if (scope != GUESTS)
		scope = (where ? where->router : 0) | BY_ROUTER;
	if (p->transport.kind == ERROR) {
		if (!serve_error(skb, p, where, scope))
			return SPOOFED_ADDRESS;
	} else {
		struct service *service =
			find_service(scope, p->transport.protocol, p->transport.destination_port,
				     &p->destination);
		if (!service)
			return SPOOFED_ADDRESS;
		trouble = serve(p, where, service);
	}
	if (trouble)
		return trouble;
	where = where_is(p->vni, p->next_mac);
	if (!where)
		return UNREACHABLE;
	if (where->router) {
		trouble = begin_way(skb, p, where);
		return trouble ?: p->way.own ? FOR_ROUTER : PASSED;
	}
	p->way.ifindex = where->ifindex;
	p->way.vtep = where->vtep;
	p->way.mtu = door->mtu;
	return length_of(skb, p) > door->mtu ? TOO_BIG : PASSED;
}

SUBPROGRAM int deliver(struct __sk_buff *skb, struct packet *p, struct flow *flow)
{
	REQUIRE(p);
	if (p->way.ifindex)
		return enter(skb, p, flow, p->way.ifindex, NULL);
	remember(p, flow);
	return to_overlay(skb, p, &p->way.vtep);
}

// A guest is at no port: it comes by a device of the host's own, or is the host itself, under an
// address that is none of its port's. Services are all that it can reach, by the host's port.
SUBPROGRAM int pass_guest(struct __sk_buff *skb, struct packet *p, __u32 ifindex, __u32 device,
			  __u32 scope)
{
	REQUIRE(p);
	struct door *door = bpf_map_lookup_elem(&doors, &ifindex);
	struct port *port = bpf_map_lookup_elem(&ports, &ifindex);
	if (!door || !port || !(port->flags & ADMIN_UP))
		return drop(skb, ADMIN_DOWN, 0);
	p->ifindex = ifindex;
	p->vni = p->key.vni = p->way.from = p->way.to = door->vni;
	p->inner = p->ethertype == ETH_P_IP ? door->address : door->address6;
	if (unspecified(&p->inner))
		return drop(skb, UNREACHABLE, ifindex);
	p->guest = 1;
	__builtin_memset(&p->asked, 0, sizeof(p->asked));
	p->asked.device = device;
	p->asked.guest = p->source;
	__builtin_memcpy(p->asked.guest_mac, p->source_mac, 6);
	__builtin_memcpy(p->asked.own_mac, p->destination_mac, 6);
	__builtin_memcpy(p->source_mac, door->mac, 6);
	__builtin_memcpy(p->destination_mac, door->gateway, 6);
	int trouble = way_of_guest(skb, p, door, scope), reason = trouble;
	struct flow *flow = trouble ? NULL : flow_of(skb, p);
	if (!reason && is_inner(p) && (port->flags & PORT_SECURITY) &&
	    !may(p, flow, port->policy, EGRESS))
		reason = EGRESS_POLICY;
	if (!reason)
		reason = note_turn(p, flow);
	if (trouble && trouble != SPOOFED_ADDRESS && is_told(trouble)) {
		p->source = p->asked.guest;
		return say(skb, p, trouble);
	}
	if (reason)
		return deny(skb, p, flow, reason, ifindex);
	return deliver(skb, p, flow);
}

static __always_inline bool is_guarded(const struct port *port)
{
	return port && (port->flags & PORT_SECURITY);
}

static __always_inline struct port *receiver_of(const struct packet *p, const struct where *where)
{
	__u32 ifindex = p->way.first ? p->way.ifindex : where ? where->ifindex : 0;
	return ifindex ? bpf_map_lookup_elem(&ports, &ifindex) : NULL;
}

// An IP packet; `sender` is NULL from the overlay, where the sender's host has checked it.
static __always_inline int pass(struct __sk_buff *skb, struct packet *p, struct port *sender)
{
	bool group = is_group(p->destination_mac);
	struct where *where = group ? NULL : where_is(p->vni, p->destination_mac);
	int reason, trouble = PASSED;
	bool calls = sender && !group && (sender->flags & ASKS_METADATA) && calls_metadata(p);
	bool served = sender && !calls && !group && has_services(p);
	if (sender && !calls && !group && (served || p->transport.kind == ERROR)) {
		trouble = seek_service(skb, p, where);
		if (p->served && !p->own)
			where = where_is(p->vni, p->next_mac);
	}
	if (served && (p->own || is_own_voice(p, &p->destination))) {
		reason = sender->flags & PORT_SECURITY ? vet_source(p, NULL) : PASSED;
		int done = reason ? drop(skb, reason, p->ifindex)
			   : p->own ? turn_round(skb, p, sender, where)
				    : turn_round_back(skb, p, sender);
		if (done != TC_ACT_UNSPEC)
			return done;
	}
	if (sender && !calls && !trouble && where && where->router)
		trouble = begin_way(skb, p, where);
	// Between two whom nobody guards, here, and without services, no flow says anything.
	struct port *receiver = is_guarded(sender) ? NULL : receiver_of(p, where);
	bool looks = group || is_guarded(sender) || is_guarded(receiver) || what_services();
	struct flow *flow = looks ? flow_of(skb, p) : NULL;
	if (is_guarded(sender))
		reason = leave(p, flow, sender);
	else
		reason = sender && is_astray(p) ? REVERSE_PATH : PASSED;
	if (!reason && sender && is_for_guest(p, flow))
		return answer_guest(skb, p, flow);
	if (!reason && trouble == NOT_ADMITTED)
		reason = trouble;
	if (!reason && !trouble)
		reason = note_turn(p, flow);
	if (reason)
		return deny(skb, p, flow, reason, p->ifindex);
	if (sender && (sender->flags & question(p)))
		return ask(skb, p);
	if (shape(skb, p))
		return drop(skb, OVER_LIMIT, p->ifindex);
	if (calls)
		return to_metadata(skb, p);
	if (p->way.first)
		return route_packet(skb, p, flow, trouble);
	if (trouble)
		return trouble == NO_BACKEND ? say(skb, p, trouble) : drop(skb, trouble, p->ifindex);
	return group ? to_group(skb, p) : forward_to(skb, p, flow, where, receiver);
}

struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
};

static __always_inline int parse_arp(struct __sk_buff *skb, struct arp *arp)
{
	if (bpf_skb_load_bytes(skb, ETH_HLEN, arp, sizeof(*arp)) || arp->hardware != bpf_htons(1) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_length != 6 ||
	    arp->protocol_length != 4)
		return MALFORMED;
	bool known = arp->operation == bpf_htons(1) || arp->operation == bpf_htons(2);
	return known ? PASSED : MALFORMED;
}

static __always_inline bool announces(const struct arp *arp)
{
	return arp->operation == bpf_htons(2) ||
	       *(__u32 *)arp->sender == *(__u32 *)arp->target;
}

static __always_inline int vet_arp(struct packet *p, struct arp *arp, union address *sender)
{
	if (!mac_allowed(p->ifindex, p->source_mac))
		return -SPOOFED_MAC;
	int kind = allowed_kind(p->ifindex, arp->sender_mac, sender);
	if (!kind || (kind == MAC_ONLY && arp->operation != bpf_htons(1)))
		return -SPOOFED_NEIGHBOUR;
	return kind;
}

SUBPROGRAM int answer_arp(struct __sk_buff *skb, struct arp *arp, struct neighbour *neighbour)
{
	REQUIRE(arp && neighbour);
	const __u8 *mac = neighbour->mac;
	struct ethhdr ethernet = {.h_proto = bpf_htons(ETH_P_ARP)};
	struct arp reply = *arp;
	reply.operation = bpf_htons(2);
	__builtin_memcpy(reply.sender_mac, mac, 6);
	__builtin_memcpy(reply.sender, arp->target, 4);
	__builtin_memcpy(reply.target_mac, arp->sender_mac, 6);
	__builtin_memcpy(reply.target, arp->sender, 4);
	__builtin_memcpy(ethernet.h_source, mac, 6);
	__builtin_memcpy(ethernet.h_dest, arp->sender_mac, 6);
	bpf_skb_store_bytes(skb, 0, &ethernet, sizeof(ethernet), 0);
	bpf_skb_store_bytes(skb, ETH_HLEN, &reply, sizeof(reply), 0);
	return answer(skb);
}

// Whoever owns an address is never told that somebody has it (or else it would give it up).
static __always_inline struct neighbour *answerable(struct packet *p, union address *target)
{
	struct neighbour *neighbour = neighbour_of(p->vni, target);
	return neighbour && !same_mac(neighbour->mac, p->source_mac) ? neighbour : NULL;
}

// An address that has moved to the port that says so, or to another host. The stack is short.
static __noinline int learn_from(struct packet *p, const union address *address, const __u8 *mac,
				 const union address *vtep)
{
	struct where where = {.ifindex = p->ifindex};
	if (vtep)
		where.vtep = *vtep;
	return learn(p->vni, address, mac, &where);
}

SUBPROGRAM int arp_from_port(struct __sk_buff *skb, struct packet *p, bool secured)
{
	REQUIRE(p);
	union address address;
	struct arp arp;
	int kind = PAIR;
	if (parse_arp(skb, &arp))
		return drop(skb, MALFORMED, p->ifindex);
	set_v4(&address, *(__be32 *)arp.sender);
	if (secured)
		kind = vet_arp(p, &arp, &address);
	if (kind < 0)
		return drop(skb, -kind, p->ifindex);
	if (announces(&arp)) {
		if (kind == PAIR)
			p->announces = learn_from(p, &address, arp.sender_mac, NULL);
		return forward(skb, p);
	}
	set_v4(&address, *(__be32 *)arp.target);
	struct neighbour *neighbour = answerable(p, &address);
	return neighbour ? answer_arp(skb, &arp, neighbour) : forward(skb, p);
}

SUBPROGRAM int arp_from_overlay(struct __sk_buff *skb, struct packet *p,
				       const union address *vtep)
{
	REQUIRE(p && vtep);
	union address address;
	struct arp arp;
	if (parse_arp(skb, &arp))
		return drop(skb, MALFORMED, 0);
	set_v4(&address, *(__be32 *)arp.sender);
	if (announces(&arp) && *(__u32 *)arp.sender)
		learn_from(p, &address, arp.sender_mac, vtep);
	return forward(skb, p);
}

struct solicitation { // or advertisement
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags;
	union address target;
};

struct advertisement {
	struct ipv6 ip;
	struct solicitation nd;
	__u8 option[2];
	__u8 mac[6];
};

SUBPROGRAM int answer_nd(struct __sk_buff *skb, struct packet *p, union address *target,
				struct neighbour *neighbour)
{
	REQUIRE(p && target && neighbour);
	struct advertisement a = {.option = {2, 1}};
	struct ethhdr ethernet = {.h_proto = bpf_htons(ETH_P_IPV6)};
	bool probe = unspecified(&p->source); // duplicate address detection
	a.ip.flow = bpf_htonl(6U << 28);
	a.ip.length = bpf_htons(32);
	a.ip.next = IPPROTO_ICMPV6;
	a.ip.hop_limit = 255;
	a.ip.source = a.nd.target = *target;
	a.ip.destination = p->source;
	a.nd.type = 136;
	a.nd.flags = bpf_htonl((probe ? 1U << 29 : 3U << 29) | // override, and solicited
			       (neighbour->router ? 1U << 31 : 0));
	__builtin_memcpy(ethernet.h_dest, p->source_mac, 6);
	if (probe) { // to all nodes
		a.ip.destination.word[0] = bpf_htonl(0xff020000);
		a.ip.destination.word[3] = bpf_htonl(1);
		__builtin_memset(ethernet.h_dest, 0, 6);
		ethernet.h_dest[0] = ethernet.h_dest[1] = 0x33;
		ethernet.h_dest[5] = 1;
	}
	__builtin_memcpy(a.mac, neighbour->mac, 6);
	__builtin_memcpy(ethernet.h_source, neighbour->mac, 6);
	a.nd.checksum = fold(bpf_csum_diff(NULL, 0, (__be32 *)&a.ip.source, 64,
					   bpf_htonl(32 + IPPROTO_ICMPV6)));
	bpf_skb_change_tail(skb, ETH_HLEN + sizeof(a), 0);
	bpf_skb_store_bytes(skb, 0, &ethernet, sizeof(ethernet), 0);
	bpf_skb_store_bytes(skb, ETH_HLEN, &a, sizeof(a), 0);
	return answer(skb);
}

static __always_inline bool is_nd(const struct packet *p)
{
	__u8 type = *(__u8 *)&p->transport.icmp;
	return p->ethertype == ETH_P_IPV6 && p->transport.protocol == IPPROTO_ICMPV6 &&
	       type >= 133 && type <= 137;
}

// Never from beyond a router (hop limit), never in fragments (RFC 6980).
static __always_inline int parse_nd(struct __sk_buff *skb, struct packet *p,
				    struct solicitation *nd)
{
	__u8 type = *(__u8 *)&p->transport.icmp;
	if (p->hop_limit != 255 || p->later || p->more)
		return MALFORMED;
	if (type != 135 && type != 136)
		return PASSED;
	return bpf_skb_load_bytes(skb, p->offset, nd, sizeof(*nd)) ? MALFORMED : PASSED;
}

// The MAC that an advertisement gives for its target: option 2, or else the sender's.
static __always_inline void advertised(struct __sk_buff *skb, struct packet *p, __u8 *mac)
{
	__u8 option[8];
	if (!bpf_skb_load_bytes(skb, p->offset + 24, option, 8) && option[0] == 2 && option[1] == 1)
		__builtin_memcpy(mac, option + 2, 6);
	else
		__builtin_memcpy(mac, p->source_mac, 6);
}

SUBPROGRAM int advertisement_from_port(struct __sk_buff *skb, struct packet *p,
					      union address *target, bool secured)
{
	REQUIRE(p && target);
	struct where here = {.ifindex = p->ifindex};
	__u8 mac[6];
	advertised(skb, p, mac);
	int kind = secured ? allowed_kind(p->ifindex, mac, target) : PAIR;
	if (!kind || kind == MAC_ONLY)
		return SPOOFED_NEIGHBOUR;
	if (kind == PAIR)
		p->announces = learn(p->vni, target, mac, &here);
	return PASSED;
}

SUBPROGRAM int nd_from_port(struct __sk_buff *skb, struct packet *p, struct port *port)
{
	REQUIRE(p && port);
	struct solicitation nd = {};
	bool secured = port->flags & PORT_SECURITY;
	int reason = parse_nd(skb, p, &nd);
	if (!reason && secured)
		reason = vet_source(p, NULL);
	if (!reason && secured)
		reason = vet_service(p);
	if (!reason && nd.type == 136)
		reason = advertisement_from_port(skb, p, &nd.target, secured);
	if (reason)
		return drop(skb, reason, p->ifindex);
	if (port->flags & question(p))
		return ask(skb, p);
	struct neighbour *neighbour = nd.type == 135 ? answerable(p, &nd.target) : NULL;
	return neighbour ? answer_nd(skb, p, &nd.target, neighbour) : forward(skb, p);
}

SUBPROGRAM int nd_from_overlay(struct __sk_buff *skb, struct packet *p,
				      const union address *vtep)
{
	REQUIRE(p && vtep);
	struct where there = {.vtep = *vtep};
	struct solicitation nd = {};
	__u8 mac[6];
	if (parse_nd(skb, p, &nd))
		return drop(skb, MALFORMED, 0);
	if (nd.type == 136) {
		advertised(skb, p, mac);
		learn(p->vni, &nd.target, mac, &there);
	}
	return forward(skb, p);
}

static __always_inline int parse_ip(struct __sk_buff *skb, struct packet *p)
{
	return p->ethertype == ETH_P_IP ? parse_ipv4(skb, p) : parse_ipv6(skb, p);
}

static __always_inline struct packet *new_packet(void)
{
	__u32 zero = 0;
	struct scratch *own = bpf_map_lookup_elem(&scratch, &zero);
	if (own)
		__builtin_memset(&own->packet, 0, __builtin_offsetof(struct packet, asked));
	return own ? &own->packet : NULL;
}

// Not from the port's own address, but another one of the host's.
static __always_inline bool is_the_hosts(const struct packet *p)
{
	__u32 ifindex = p->ifindex;
	struct door *door = bpf_map_lookup_elem(&doors, &ifindex);
	__u8 protocol = p->transport.protocol, kind = p->transport.kind;
	bool served = kind == FLOW && (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
	if (!door || (!served && kind != ERROR))
		return false;
	return !same(&p->source, p->ethertype == ETH_P_IP ? &door->address : &door->address6);
}

// To an address that no network has.
static __always_inline bool is_to_loopback(const struct packet *p)
{
	return p->ethertype == ETH_P_IP && bpf_ntohl(p->destination.word[3]) >> 24 == 127;
}

SEC("tc")
int from_port(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct packet *p = new_packet();
	if (!port || !p)
		return drop(skb, UNKNOWN_PORT, 0);
	count_out(skb, ifindex);
	if (!(port->flags & ADMIN_UP))
		return drop(skb, ADMIN_DOWN, ifindex);
	p->ifindex = ifindex;
	p->flags = port->flags;
	p->dscp = port->dscp;
	p->vni = p->way.from = p->way.to = port->vni;
	bool secured = port->flags & PORT_SECURITY;
	if (parse_ethernet(skb, p))
		return drop(skb, MALFORMED, ifindex);
	if (is_routed(p->source_mac))
		return drop(skb, SPOOFED_MAC, ifindex);
	if (p->ethertype == ETH_P_ARP)
		return arp_from_port(skb, p, secured);
	if (p->ethertype != ETH_P_IP && p->ethertype != ETH_P_IPV6)
		return secured ? drop(skb, ETHERTYPE, ifindex) : forward(skb, p);
	int reason = parse_ip(skb, p);
	if (reason)
		return drop(skb, reason, ifindex);
	if (is_nd(p))
		return nd_from_port(skb, p, port);
	if (is_to_loopback(p) && !(port->flags & DOOR))
		return drop(skb, MALFORMED, ifindex);
	if ((port->flags & DOOR) && is_the_hosts(p))
		return pass_guest(skb, p, ifindex, ifindex, BY_ROUTER);
	return pass(skb, p, port);
}

// What may be for a service, of what the host's devices see. As little as possible is looked at.
static __always_inline bool may_be_for_service(struct __sk_buff *skb)
{
	__u32 zero = 0, at = ETH_HLEN + sizeof(struct ipv4);
	struct host *own = bpf_map_lookup_elem(&host, &zero);
	union address to;
	__u8 protocol;
	__be16 ports[2];
	if (!own || !(own->services & FOR_GUESTS))
		return false;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct ipv4 ip;
		if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
			return false;
		protocol = ip.protocol;
		at = ETH_HLEN + (ip.version_ihl & 15) * 4;
		set_v4(&to, ip.destination);
		if (bpf_ntohs(ip.fragment) & 0x1fff)
			return protocol == IPPROTO_UDP;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6 ip;
		if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
			return false;
		protocol = ip.next;
		at = ETH_HLEN + sizeof(ip);
		to = ip.destination;
		if (protocol == IPPROTO_FRAGMENT)
			return true;
	} else {
		return false;
	}
	if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)))
		return false;
	if (is_error(protocol, *(__u8 *)ports))
		return true;
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
	    (protocol == IPPROTO_UDP && ports[1] == own->tunnel))
		return false;
	return find_service(GUESTS, protocol, ports[1], &to);
}

// The service that a packet of a guest's is for, or an ICMP error about one.
SUBPROGRAM __u32 door_sought(struct __sk_buff *skb, struct packet *p)
{
	REQUIRE(p);
	struct transport *t = &p->transport;
	struct quoted *q = t->kind == ERROR ? quoted_in(skb, p) : NULL;
	struct service *service = NULL;
	if (q)
		service = service_quoted(p, GUESTS, q);
	else if (t->kind == FLOW)
		service = find_service(GUESTS, t->protocol, t->destination_port, &p->destination);
	return service ? service->door : 0;
}

// At the ingress of the devices that lead out of the cloud: what comes from outside to a service.
// All else is the host's, as if we were not there.
SEC("tc")
int from_outside(struct __sk_buff *skb)
{
	struct packet *p = may_be_for_service(skb) ? new_packet() : NULL;
	if (!p)
		return TC_ACT_UNSPEC;
	p->vni = GUESTS; // whose fragments these are
	if (parse_ethernet(skb, p) || parse_ip(skb, p))
		return TC_ACT_UNSPEC;
	__u32 door = door_sought(skb, p);
	if (!door || skb->pkt_type == PACKET_OTHERHOST || is_to_loopback(p))
		return TC_ACT_UNSPEC;
	return pass_guest(skb, p, door, skb->ifindex, GUESTS);
}

// At the egress of the same devices, and of `lo`: what the host itself sends to a service is for
// its port among the pods.
SEC("tc")
int to_outside(struct __sk_buff *skb)
{
	struct packet *p = may_be_for_service(skb) ? new_packet() : NULL;
	if (!p)
		return TC_ACT_UNSPEC;
	p->vni = GUESTS;
	if (parse_ethernet(skb, p) || parse_ip(skb, p))
		return TC_ACT_UNSPEC;
	__u32 ifindex = door_sought(skb, p);
	struct door *door = ifindex ? bpf_map_lookup_elem(&doors, &ifindex) : NULL;
	if (!door)
		return TC_ACT_UNSPEC;
	set_macs(skb, door->mac, door->gateway);
	skb->cb[1] = ifindex;
	return bpf_redirect(ifindex, BPF_F_INGRESS);
}

static __always_inline int overlay(struct __sk_buff *skb, __u32 vni, const union address *vtep)
{
	struct packet *p = new_packet();
	if (!p || !bpf_map_lookup_elem(&vteps, vtep))
		return drop(skb, UNKNOWN_VTEP, 0);
	p->vni = p->way.from = p->way.to = vni;
	if (parse_ethernet(skb, p))
		return drop(skb, MALFORMED, 0);
	if (is_routed(p->source_mac) && arrive(p))
		return drop(skb, SPOOFED_MAC, 0);
	if (p->ethertype == ETH_P_ARP)
		return arp_from_overlay(skb, p, vtep);
	if (p->ethertype != ETH_P_IP && p->ethertype != ETH_P_IPV6)
		return forward(skb, p);
	int reason = parse_ip(skb, p);
	if (reason)
		return drop(skb, reason, 0);
	return is_nd(p) ? nd_from_overlay(skb, p, vtep) : pass(skb, p, NULL);
}

SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};
	union address vtep;
	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0))
		set_v4(&vtep, bpf_htonl(key.remote_ipv4));
	else if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6))
		__builtin_memcpy(&vtep, key.remote_ipv6, 16);
	else
		return drop(skb, NO_TUNNEL, 0);
	return overlay(skb, key.tunnel_id, &vtep);
}

// Attached to nothing. A test run of it has the frame come in at the device as if its owner had
// sent it: so the agent can send a packet, to be followed, also for a tap.
SEC("tc")
int send_in(struct __sk_buff *skb)
{
	return bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS) ? TC_ACT_SHOT : TC_ACT_OK;
}

static __always_inline __u32 caller_of(const struct packet *p)
{
	const union address *to = &p->destination;
	if (p->ethertype == ETH_P_IP)
		return bpf_ntohl(to->word[3]) & ~CALLERS;
	return to->half[0] == bpf_cpu_to_be64(CALLERS6) ? bpf_ntohl(to->word[3]) : 0;
}

// At the host's end of the pair that leads to the metadata service: its answers, to who asked.
SEC("tc")
int from_metadata(struct __sk_buff *skb)
{
	struct packet *p = new_packet();
	if (!p || parse_ethernet(skb, p))
		return drop(skb, MALFORMED, 0);
	if (p->ethertype != ETH_P_IP && p->ethertype != ETH_P_IPV6)
		return drop(skb, ETHERTYPE, 0);
	int reason = parse_ip(skb, p);
	if (reason)
		return drop(skb, reason, 0);
	if (p->transport.protocol != IPPROTO_TCP || p->later || !is_metadata(p, &p->source))
		return drop(skb, UNKNOWN_DESTINATION, 0);
	struct caller_key key = {.ifindex = caller_of(p),
				 .port = p->transport.destination_port,
				 .family = p->ethertype == ETH_P_IP ? 4 : 6};
	__u32 ifindex = key.ifindex;
	struct port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct caller *caller = bpf_map_lookup_elem(&callers, &key);
	if (!port || !caller || !(port->flags & ADMIN_UP) || !(port->flags & ASKS_METADATA))
		return drop(skb, DESTINATION_DOWN, 0);
	struct caller to = *caller;
	set_end(skb, p, false, &p->destination, &to.address);
	set_macs(skb, to.spoken_to, to.mac);
	return to_port(skb, ifindex, port);
}

// Loaded by tests only: a test run cannot set what the tunnel said, so it is in cb.
SEC("tc")
int overlay_test(struct __sk_buff *skb)
{
	union address vtep;
	__u32 vni = skb->cb[0];
	set_v4(&vtep, skb->cb[1]);
	skb->cb[0] = skb->cb[1] = 0;
	asm volatile("" : "+r"(skb)); // or else clang keeps a pointer to cb, which may not be used
	return overlay(skb, vni, &vtep);
}

char LICENSE[] SEC("license") = "GPL";
