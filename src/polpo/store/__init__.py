"""Transactions that make revisions, kept in SQLite or PostgreSQL; reads from memory."""
