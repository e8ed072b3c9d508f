"""The REST APIs: identity_v3 (Keystone's), network_v2 (Neutron's), hosts and their feed (ours)."""
