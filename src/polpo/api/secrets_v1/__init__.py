"""Barbican's API v1, as far as certificates need it: secrets and containers."""
