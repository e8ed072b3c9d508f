"""Neutron's Network API v2.0: what `openstack network ...`, Terraform and gophercloud speak."""
