"""On which hosts the gateways of routers live. Pure: no clock, no I/O.

`place` says from what is (routers, hosts, placements, what agents reported) what the placements
are to be next. Whoever runs it again and again (api/placer.py) gets there; run twice on the same
it says the same.
"""
