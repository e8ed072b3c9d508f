"""What may be done with a request on its way: one module each, all of the same shape.

A frozen struct says what (`plan.Feature`); `KEYS` are the annotations that ask for it, `read` makes
it of them (None: it is not asked for; Wrong: it makes no sense). `GUARDS` is true where nobody is
to be let in if it can't be read. Gateway API's filters make the same structs.
"""
