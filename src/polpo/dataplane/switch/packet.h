// SPDX-License-Identifier: GPL-2.0
//
// What a program run knows of its packet, and what is too large for the stack.

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
