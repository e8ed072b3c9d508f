"""What a Kubernetes cluster needs of the network, made through the public API and known again."""
