"""Kubernetes for tests: a small API server of ours that can be made to fail, and the real one."""
