"""`polpo dns`: the server that answers for the cluster (docs/design/dns.md).

It works without the rest of polpo.
"""
