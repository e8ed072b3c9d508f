"""Hosts as namespaces on one machine: what `make up` runs. It uses polpo only as a user would."""
