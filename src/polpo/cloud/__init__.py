"""Services of type LoadBalancer, and nodes: what a cloud provider does for a Kubernetes cluster."""
