"""Pods of Kubernetes clusters on this host: their ports, and what the CNI plugin asks."""
