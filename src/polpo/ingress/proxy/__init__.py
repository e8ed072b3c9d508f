"""A plan in HAProxy: its configuration, its maps, its servers, its process."""
