"""`polpo trace`: what would become of a packet, step by step, without sending it. Pure.

The rows that the compiler makes for the hosts on the way, given to the switch's model: what
this says is what the switches do, as tests compare the two packet by packet.
"""
