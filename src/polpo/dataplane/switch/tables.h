// SPDX-License-Identifier: GPL-2.0
//
// The tables, as tables.py declares them for Python: keys, values, sizes.

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
