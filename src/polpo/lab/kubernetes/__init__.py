"""Real Kubernetes on the lab's hosts: its own programs, pods with ports of the lab's cloud."""
