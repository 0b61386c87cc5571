from __future__ import annotations

from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory
