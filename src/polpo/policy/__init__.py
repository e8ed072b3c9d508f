"""Kubernetes NetworkPolicies, told to the controller of the network as security groups."""
