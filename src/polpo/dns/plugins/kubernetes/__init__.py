"""Answers for the names of a cluster's Services, endpoints and pods (kubernetes/dns 1.1.0)."""
