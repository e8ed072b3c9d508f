"""What one host must have: rows, the feed's text, and the comparison with what it has."""
