"""Kubernetes' API as polpo uses it: list, watch, patch; only the fields that are read."""
