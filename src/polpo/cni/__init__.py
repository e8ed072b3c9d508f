"""The CNI plugin, and its installation. Imports nothing of polpo: every pod pays for its start."""
