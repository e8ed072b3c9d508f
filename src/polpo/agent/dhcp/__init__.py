"""DHCPv4, DHCPv6 and router advertisements, answered on the host of the port that asks.

`responder` reads what the switch hands over and sends the answers; all else is pure: a frame and
the rows about the port that sent it, to the frame that answers it.
"""
