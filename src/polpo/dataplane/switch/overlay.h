// SPDX-License-Identifier: GPL-2.0
//
// To another host, through the routers on the way.

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
