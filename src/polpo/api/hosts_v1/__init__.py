"""What hosts speak with the controller: the feed of their targets, their status, their ports.

Paths are under `/v1`. Agents show their host's token (`Authorization: Bearer`), people and
programs that manage hosts show an admin's (`X-Auth-Token`).
"""
