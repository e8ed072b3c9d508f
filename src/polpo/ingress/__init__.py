"""Ingress and Gateway API on HAProxy: who asks from outside reaches the pod that is meant."""
