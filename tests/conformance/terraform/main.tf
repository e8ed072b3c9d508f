# What a tenant makes of polpo with Terraform (or OpenTofu): a network, its router, groups, a floating IP, a load balancer.

terraform {
  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "3.4.0"
    }
  }
}

provider "openstack" {}

provider "openstack" { # who may make QoS policies, as in Neutron
  alias = "admin"
  cloud = "polpo-admin"
}

variable "external" { type = string }
variable "weight" { default = 1 }
variable "note" { default = "first" }
variable "allowed" { default = "10.20.0.0/24" }

data "openstack_networking_network_v2" "external" {
  name = var.external
}

resource "openstack_networking_network_v2" "blue" {
  name           = "tf-blue"
  description    = var.note
  admin_state_up = true
  tags           = ["terraform"]
}

resource "openstack_networking_subnet_v2" "blue4" {
  name            = "tf-blue4"
  network_id      = openstack_networking_network_v2.blue.id
  cidr            = "10.20.0.0/24"
  ip_version      = 4
  dns_nameservers = ["192.0.2.53"]
  allocation_pool {
    start = "10.20.0.10"
    end   = "10.20.0.200"
  }
}

resource "openstack_networking_subnet_v2" "blue6" {
  name              = "tf-blue6"
  network_id        = openstack_networking_network_v2.blue.id
  cidr              = "fd20::/64"
  ip_version        = 6
  ipv6_address_mode = "slaac"
  ipv6_ra_mode      = "slaac"
}

resource "openstack_networking_router_v2" "out" {
  name                = "tf-out"
  external_network_id = data.openstack_networking_network_v2.external.id
  tags                = [var.note]
}

resource "openstack_networking_router_interface_v2" "blue4" {
  router_id = openstack_networking_router_v2.out.id
  subnet_id = openstack_networking_subnet_v2.blue4.id
}

resource "openstack_networking_router_route_v2" "away" {
  depends_on       = [openstack_networking_router_interface_v2.blue4]
  router_id        = openstack_networking_router_v2.out.id
  destination_cidr = "10.99.0.0/16"
  next_hop         = "10.20.0.254"
}

resource "openstack_networking_secgroup_v2" "web" {
  name                 = "tf-web"
  description          = var.note
  delete_default_rules = true
}

resource "openstack_networking_secgroup_rule_v2" "http" {
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = 80
  port_range_max    = 80
  remote_ip_prefix  = "0.0.0.0/0"
  security_group_id = openstack_networking_secgroup_v2.web.id
}

resource "openstack_networking_address_group_v2" "office" {
  name      = "tf-office"
  addresses = ["192.0.2.0/28", "198.51.100.7/32"]
}

resource "openstack_networking_secgroup_rule_v2" "ssh" {
  direction               = "ingress"
  ethertype               = "IPv4"
  protocol                = "tcp"
  port_range_min          = 22
  port_range_max          = 22
  remote_address_group_id = openstack_networking_address_group_v2.office.id
  security_group_id       = openstack_networking_secgroup_v2.web.id
}

resource "openstack_networking_secgroup_rule_v2" "among" {
  direction         = "ingress"
  ethertype         = "IPv6"
  remote_group_id   = openstack_networking_secgroup_v2.web.id
  security_group_id = openstack_networking_secgroup_v2.web.id
}

resource "openstack_networking_qos_policy_v2" "slow" {
  provider = openstack.admin
  name     = "tf-slow"
  shared   = true
}

resource "openstack_networking_qos_bandwidth_limit_rule_v2" "slow" {
  provider       = openstack.admin
  qos_policy_id  = openstack_networking_qos_policy_v2.slow.id
  max_kbps       = 3000
  max_burst_kbps = 300
}

resource "openstack_networking_qos_dscp_marking_rule_v2" "slow" {
  provider      = openstack.admin
  qos_policy_id = openstack_networking_qos_policy_v2.slow.id
  dscp_mark     = 26
}

resource "openstack_networking_port_v2" "server" {
  count              = 2
  name               = "tf-server-${count.index}"
  network_id         = openstack_networking_network_v2.blue.id
  admin_state_up     = true
  security_group_ids = [openstack_networking_secgroup_v2.web.id]
  qos_policy_id      = openstack_networking_qos_policy_v2.slow.id
  fixed_ip {
    subnet_id  = openstack_networking_subnet_v2.blue4.id
    ip_address = "10.20.0.${20 + count.index}"
  }
  fixed_ip {
    subnet_id = openstack_networking_subnet_v2.blue6.id
  }
  allowed_address_pairs {
    ip_address = "10.20.0.250"
  }
  extra_dhcp_option {
    name  = "domain-name"
    value = "blue.example"
  }
}

resource "openstack_networking_port_v2" "open" {
  name                  = "tf-open"
  network_id            = openstack_networking_network_v2.blue.id
  port_security_enabled = false
  no_security_groups    = true
  no_fixed_ip           = true
}

resource "openstack_networking_floatingip_v2" "server" {
  depends_on  = [openstack_networking_router_interface_v2.blue4]
  pool        = var.external
  description = var.note
  port_id     = openstack_networking_port_v2.server[0].id
}

resource "openstack_networking_floatingip_v2" "forwards" {
  pool = var.external
}

resource "openstack_networking_portforwarding_v2" "ssh" {
  depends_on          = [openstack_networking_router_interface_v2.blue4]
  floatingip_id       = openstack_networking_floatingip_v2.forwards.id
  external_port       = 2222
  internal_port       = 22
  internal_port_id    = openstack_networking_port_v2.server[1].id
  internal_ip_address = openstack_networking_port_v2.server[1].all_fixed_ips[0]
  protocol            = "tcp"
}

resource "openstack_networking_floatingip_v2" "web" {
  pool = var.external
}

resource "openstack_networking_floatingip_associate_v2" "web" {
  depends_on  = [openstack_networking_router_interface_v2.blue4]
  floating_ip = openstack_networking_floatingip_v2.web.address
  port_id     = openstack_lb_loadbalancer_v2.web.vip_port_id
}

resource "openstack_networking_subnetpool_v2" "pool" {
  name              = "tf-pool"
  prefixes          = ["10.64.0.0/16"]
  default_prefixlen = 26
}

resource "openstack_networking_network_v2" "pooled" {
  name = "tf-pooled"
}

resource "openstack_networking_subnet_v2" "pooled" {
  network_id    = openstack_networking_network_v2.pooled.id
  subnetpool_id = openstack_networking_subnetpool_v2.pool.id
  no_gateway    = true
}

resource "openstack_keymanager_secret_v1" "certificate" {
  name                     = "tf-certificate"
  secret_type              = "certificate"
  payload                  = file("${path.module}/server.crt")
  payload_content_type     = "text/plain"
}

resource "openstack_keymanager_secret_v1" "key" {
  name                     = "tf-key"
  secret_type              = "private"
  payload                  = file("${path.module}/server.key")
  payload_content_type     = "text/plain"
}

resource "openstack_keymanager_container_v1" "tls" {
  name = "tf-tls"
  type = "certificate"
  secret_refs {
    name       = "certificate"
    secret_ref = openstack_keymanager_secret_v1.certificate.secret_ref
  }
  secret_refs {
    name       = "private_key"
    secret_ref = openstack_keymanager_secret_v1.key.secret_ref
  }
}

resource "openstack_lb_loadbalancer_v2" "web" {
  name               = "tf-web"
  description        = var.note
  vip_subnet_id      = openstack_networking_subnet_v2.blue4.id
  security_group_ids = [openstack_networking_secgroup_v2.web.id]
  tags               = ["terraform"]
}

resource "openstack_lb_listener_v2" "http" {
  name             = "tf-http"
  protocol         = "HTTP"
  protocol_port    = 80
  loadbalancer_id  = openstack_lb_loadbalancer_v2.web.id
  connection_limit = 2000
  allowed_cidrs    = [var.allowed]
  insert_headers = {
    X-Forwarded-For = "true"
  }
}

resource "openstack_lb_listener_v2" "https" {
  name                      = "tf-https"
  protocol                  = "TERMINATED_HTTPS"
  protocol_port             = 443
  loadbalancer_id           = openstack_lb_loadbalancer_v2.web.id
  default_tls_container_ref = openstack_keymanager_container_v1.tls.container_ref
  default_pool_id           = openstack_lb_pool_v2.servers.id
  tls_versions              = ["TLSv1.2", "TLSv1.3"]
  alpn_protocols            = ["h2", "http/1.1"]
  timeout_client_data       = 60000
}

resource "openstack_lb_pool_v2" "servers" {
  name            = "tf-servers"
  protocol        = "HTTP"
  lb_method       = "ROUND_ROBIN"
  loadbalancer_id = openstack_lb_loadbalancer_v2.web.id
  persistence {
    type        = "APP_COOKIE"
    cookie_name = "session"
  }
}

resource "openstack_lb_pool_v2" "udp" {
  name        = "tf-udp"
  protocol    = "UDP"
  lb_method   = "SOURCE_IP"
  listener_id = openstack_lb_listener_v2.udp.id
}

resource "openstack_lb_listener_v2" "udp" {
  name            = "tf-udp"
  protocol        = "UDP"
  protocol_port   = 53
  loadbalancer_id = openstack_lb_loadbalancer_v2.web.id
}

resource "openstack_lb_members_v2" "udp" {
  pool_id = openstack_lb_pool_v2.udp.id
  member {
    address       = "10.20.0.20"
    protocol_port = 53
    weight        = var.weight
  }
  member {
    address       = "10.20.0.21"
    protocol_port = 53
    backup        = true
  }
}

resource "openstack_lb_member_v2" "server" {
  count         = 2
  name          = "tf-server-${count.index}"
  pool_id       = openstack_lb_pool_v2.servers.id
  address       = openstack_networking_port_v2.server[count.index].all_fixed_ips[0]
  protocol_port = 8080
  subnet_id     = openstack_networking_subnet_v2.blue4.id
  weight        = var.weight
}

resource "openstack_lb_monitor_v2" "http" {
  name             = "tf-monitor"
  pool_id          = openstack_lb_pool_v2.servers.id
  type             = "HTTP"
  delay            = 20
  timeout          = 10
  max_retries      = 5
  max_retries_down = 3
  url_path         = "/health"
  http_method      = "GET"
  expected_codes   = "200-202"
}

resource "openstack_lb_l7policy_v2" "away" {
  name         = "tf-away"
  action       = "REDIRECT_TO_URL"
  position     = 1
  listener_id  = openstack_lb_listener_v2.http.id
  redirect_url = "https://www.example.com/"
}

resource "openstack_lb_l7rule_v2" "away" {
  l7policy_id  = openstack_lb_l7policy_v2.away.id
  type         = "PATH"
  compare_type = "STARTS_WITH"
  value        = "/old"
}

resource "openstack_lb_l7policy_v2" "servers" {
  name             = "tf-servers"
  action           = "REDIRECT_TO_POOL"
  position         = 2
  listener_id      = openstack_lb_listener_v2.http.id
  redirect_pool_id = openstack_lb_pool_v2.servers.id
}

resource "openstack_lb_l7rule_v2" "servers" {
  l7policy_id  = openstack_lb_l7policy_v2.servers.id
  type         = "HEADER"
  compare_type = "EQUAL_TO"
  key          = "X-Version"
  value        = "2"
  invert       = true
}

output "vip" { value = openstack_lb_loadbalancer_v2.web.vip_address }
