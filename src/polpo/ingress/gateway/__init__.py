"""Gateway API (gateway.networking.k8s.io/v1): another front of the same plan as Ingress."""
