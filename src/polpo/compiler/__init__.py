"""From what users ask for (model) to what hosts must have (target). Pure: no clock, no I/O.

`slices` is the definition: each slice of the target, whole, from one snapshot.
`changes` is the increment: what a list of changes does to slices, at a cost that does not grow
with what did not change. A property test holds the two equal.
"""
