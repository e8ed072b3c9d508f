"""What is known of a request, in HAProxy's words, for whoever writes rules.

Of most doors the scheme is a connection's, and is worked out once for all of its requests
(`sess.proto`); where a load balancer says of each request what it was, it is the request's
(`txn.proto`). One of the two is there.
"""

from __future__ import annotations

NAME = "req.hdr(host),host_only,lower"
"""The host asked for, in small letters, without a port."""
SCHEME = "%[var(txn.proto)]%[var(sess.proto)]"
IS_PLAIN = "{ var(sess.proto) -m str http } or { var(txn.proto) -m str http }"
