"""The server: workers that answer, and the control process that feeds them (docs/design/dns.md)."""
