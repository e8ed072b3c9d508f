"""On which kinds of database the tests of a module run; see the fixture `controller`."""

import pytest

EACH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
ONE = pytest.mark.parametrize("controller", ["sqlite"], indirect=True)
"""For what looks at `openstack`'s own words: the SDK's tests ask the API on each kind."""
