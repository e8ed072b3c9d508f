"""HAProxy, as a process that is spoken to: words of its configuration, its sockets, its workers."""
