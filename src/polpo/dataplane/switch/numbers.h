// SPDX-License-Identifier: GPL-2.0
//
// Sizes, limits, flags and well-known addresses; why packets are dropped.

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
