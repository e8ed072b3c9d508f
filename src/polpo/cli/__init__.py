"""The command line: `polpo ...`. Each command imports what it needs when it runs."""
