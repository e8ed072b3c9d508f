"""Figures, beside the peers' in the same run where there is one. `make bench`, or one by name."""
