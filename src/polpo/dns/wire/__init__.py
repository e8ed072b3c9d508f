"""What DNS looks like in bytes (RFC 1035, 6891): names, records, messages. Pure."""
