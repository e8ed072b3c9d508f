"""The Corefile: text in, server blocks out, or an error that says where and why. Pure."""
