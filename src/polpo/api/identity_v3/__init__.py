"""Identity v3 (Keystone's API): who may do what. Routes, and the two ways to check a token."""
