from __future__ import annotations

import pytest

from tests.leakage.worlds import Worlds, build_worlds


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return build_worlds(tmp_path_factory.mktemp("worlds"))
