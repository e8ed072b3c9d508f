"""One folder a plugin, the same shape each: its directive, what it answers, what it watches."""
