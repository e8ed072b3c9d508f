// A load balancer by gophercloud, as Terraform's provider and OpenStack's cloud controller call it.
//
// Reads OS_* from the environment (openstack.AuthOptionsFromEnv) and the subnet's id from its only
// argument. Says nothing if all went well.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/l7policies"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/pools"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/providers"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cloud, err := sign(ctx)
	must(err)
	must(offered(ctx, cloud))
	id := whole(ctx, cloud, os.Args[1])
	parts(ctx, cloud, id)
	must(loadbalancers.Delete(ctx, cloud, id, loadbalancers.DeleteOpts{Cascade: true}).ExtractErr())
	_, err = loadbalancers.Get(ctx, cloud, id).Extract()
	if !gophercloud.ResponseCodeIs(err, 404) {
		log.Fatalf("deleted, and still there: %v", err)
	}
}

func sign(ctx context.Context) (*gophercloud.ServiceClient, error) {
	options, err := openstack.AuthOptionsFromEnv()
	if err != nil {
		return nil, err
	}
	provider, err := openstack.AuthenticatedClient(ctx, options)
	if err != nil {
		return nil, err
	}
	return openstack.NewLoadBalancerV2(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
}

func offered(ctx context.Context, cloud *gophercloud.ServiceClient) error {
	pages, err := providers.List(cloud, nil).AllPages(ctx)
	if err != nil {
		return err
	}
	found, err := providers.ExtractProviders(pages)
	for _, provider := range found {
		if provider.Name == "amphora" {
			return err
		}
	}
	return fmt.Errorf("no provider amphora among %v: %v", found, err)
}

// whole makes a tree in one call, as OpenStack's cloud controller does for a Service.
func whole(ctx context.Context, cloud *gophercloud.ServiceClient, subnet string) string {
	members := []pools.CreateMemberOpts{{Address: "10.4.0.11", ProtocolPort: 30080}}
	pool := pools.CreateOpts{
		Name:     "pool_0_kube_service",
		Protocol: pools.ProtocolTCP,
		LBMethod: pools.LBMethodRoundRobin,
		Members:  members,
		Monitor: monitors.CreateOpts{
			Type: monitors.TypeTCP, Delay: 60, Timeout: 30, MaxRetries: 1,
		},
		Persistence: &pools.SessionPersistence{Type: "SOURCE_IP"},
	}
	limit := -1
	made, err := loadbalancers.Create(ctx, cloud, loadbalancers.CreateOpts{
		Name:        "kube_service",
		VipSubnetID: subnet,
		Tags:        []string{"kube_service_kubernetes_default_web"},
		Listeners: []listeners.CreateOpts{{
			Name:         "listener_0_kube_service",
			Protocol:     listeners.ProtocolTCP,
			ProtocolPort: 80,
			ConnLimit:    &limit,
			AllowedCIDRs: []string{"10.0.0.0/8"},
			DefaultPool:  &pool,
		}},
	}).Extract()
	must(err)
	active(ctx, cloud, made.ID)
	return made.ID
}

// parts changes the tree bit by bit, as Terraform does.
func parts(ctx context.Context, cloud *gophercloud.ServiceClient, id string) {
	pool, err := pools.Create(ctx, cloud, pools.CreateOpts{
		Name: "web", LoadbalancerID: id, Protocol: pools.ProtocolHTTP, LBMethod: pools.LBMethodLeastConnections,
	}).Extract()
	must(err)
	active(ctx, cloud, id)
	listener, err := listeners.Create(ctx, cloud, listeners.CreateOpts{
		Name: "web", LoadbalancerID: id, Protocol: listeners.ProtocolHTTP, ProtocolPort: 8080,
		DefaultPoolID: pool.ID, InsertHeaders: map[string]string{"X-Forwarded-For": "true"},
	}).Extract()
	must(err)
	active(ctx, cloud, id)
	policy, err := l7policies.Create(ctx, cloud, l7policies.CreateOpts{
		Name: "away", ListenerID: listener.ID, Action: l7policies.ActionRedirectToURL, RedirectURL: "https://www.example.com",
	}).Extract()
	must(err)
	_, err = l7policies.CreateRule(ctx, cloud, policy.ID, l7policies.CreateRuleOpts{
		RuleType: l7policies.TypePath, CompareType: l7policies.CompareTypeStartWith, Value: "/old",
	}).Extract()
	must(err)
	weight := 3
	must(pools.BatchUpdateMembers(ctx, cloud, pool.ID, []pools.BatchUpdateMemberOpts{
		{Address: "10.4.0.11", ProtocolPort: 80, Weight: &weight},
		{Address: "10.4.0.12", ProtocolPort: 80},
	}).ExtractErr())
	active(ctx, cloud, id)
	pages, err := pools.ListMembers(cloud, pool.ID, pools.ListMembersOpts{}).AllPages(ctx)
	must(err)
	found, err := pools.ExtractMembers(pages)
	must(err)
	if len(found) != 2 {
		log.Fatalf("not two members: %v", found)
	}
	name, timeout := "renamed", 1000
	changed, err := listeners.Update(ctx, cloud, listener.ID, listeners.UpdateOpts{
		Name: &name, TimeoutClientData: &timeout,
	}).Extract()
	must(err)
	if changed.Name != name || changed.TimeoutClientData != timeout {
		log.Fatalf("not changed: %v", changed)
	}
	active(ctx, cloud, id)
	statuses, err := loadbalancers.GetStatuses(ctx, cloud, id).Extract()
	must(err)
	if len(statuses.Loadbalancer.Listeners) != 2 {
		log.Fatalf("not two listeners: %v", statuses.Loadbalancer)
	}
	must(listeners.Delete(ctx, cloud, listener.ID).ExtractErr())
	must(pools.Delete(ctx, cloud, pool.ID).ExtractErr())
}

func active(ctx context.Context, cloud *gophercloud.ServiceClient, id string) {
	for {
		found, err := loadbalancers.Get(ctx, cloud, id).Extract()
		must(err)
		switch found.ProvisioningStatus {
		case "ACTIVE":
			return
		case "ERROR":
			log.Fatalf("%s is in ERROR", id)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
