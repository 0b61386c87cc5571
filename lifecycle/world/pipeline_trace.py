"""What the pipeline leaves behind: its columns, and the canonical tables made from them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from lifecycle.world import deals_tables, selling_tables
from lifecycle.world.selling_record import SellingRecord


@dataclass(frozen=True)
class PipelineTrace(SellingRecord):
    """Everything the sales side did; ``SellingRecord`` says what its columns are."""

    def tables(self) -> dict[str, pa.Table]:
        """Return canonical rows by table, each with ``known_at`` and ``known_source``.

        ``accounts`` holds prospects only, as they were when sales first heard of them.
        """
        makers = {
            "accounts": selling_tables.build_prospects,
            "owners": selling_tables.build_owners,
            "leads": selling_tables.build_leads,
            "targets": selling_tables.build_target_rows,
            "costs": selling_tables.build_costs,
            "opportunities": deals_tables.build_versions,
            "opportunity_changes": deals_tables.build_changes,
            "activities": deals_tables.build_activities,
            "stage_maps": deals_tables.build_stage_maps,
        }
        return {name: make(self) for name, make in makers.items()}
