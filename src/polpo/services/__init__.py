"""Kubernetes Services, told to the controller of the network, whose switches carry them."""
