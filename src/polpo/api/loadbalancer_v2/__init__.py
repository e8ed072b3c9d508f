"""Octavia's API v2: load balancers."""
