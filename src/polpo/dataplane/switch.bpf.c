// SPDX-License-Identifier: GPL-2.0
//
// The switch: one program at every port, one at the host's VXLAN device. What they do is decided
// by tables (switch/tables.h), which tables.py declares for Python and a test compares with those
// here. How and why: docs/design/switch.md. Floor: Linux 6.1, clang 14.
//
// Here are the programs; the folder switch/ has what they are made of, an idea a file, in the order
// in which one knows another.
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

#include "switch/numbers.h"
#include "switch/tables.h"
#include "switch/packet.h"
#include "switch/counters.h"
#include "switch/addresses.h"
#include "switch/policies.h"
#include "switch/flows.h"
#include "switch/leaving.h"
#include "switch/limits.h"
#include "switch/headers.h"
#include "switch/turning.h"
#include "switch/overlay.h"
#include "switch/flooding.h"
#include "switch/parsing.h"
#include "switch/quoting.h"
#include "switch/vetting.h"
#include "switch/asking.h"
#include "switch/metadata.h"
#include "switch/forwarding.h"
#include "switch/routing.h"
#include "switch/speaking.h"
#include "switch/ways.h"
#include "switch/backends.h"
#include "switch/services.h"
#include "switch/itself.h"
#include "switch/guests.h"
#include "switch/passing.h"
#include "switch/arp.h"
#include "switch/neighbours.h"

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
