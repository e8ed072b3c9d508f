"""One scene for all: a lab takes some seconds to come up."""

from collections.abc import Iterator

import pytest

from polpo.testing.exposed import Exposed, exposed


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    with exposed(tmp_path_factory.mktemp("exposed"), "pt-cl", "198.18.83") as found:
        if found is None:
            pytest.skip("no kube-apiserver, kubectl: tools/kubernetes/programs builds them")
        yield found
