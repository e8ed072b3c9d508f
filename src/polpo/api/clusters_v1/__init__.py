"""Kubernetes clusters: `/v1/clusters` for people, `/v1/hosts/{host}/pods` for agents.

Errors look as those of hosts do.
"""
