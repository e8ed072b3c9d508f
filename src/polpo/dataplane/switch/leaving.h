// SPDX-License-Identifier: GPL-2.0
//
// The two ways off this host's switch: into a port, into the tunnel.

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
