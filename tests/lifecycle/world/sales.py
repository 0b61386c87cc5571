"""A small sales side without contracts: accounts ask for more by chance."""

from functools import cache

import numpy as np

from lifecycle.world.macro import MacroPath, build_macro
from lifecycle.world.pipeline import Pipeline
from lifecycle.world.pipeline_trace import PipelineTrace
from lifecycle.world.presets import WorldParams, preset
from lifecycle.world.seams import ExpansionTriggers, Wins, no_triggers
from lifecycle.world.seeds import Streams


def asked_by(params: WorldParams, rng: np.random.Generator) -> ExpansionTriggers:
    """Let a few of the initial accounts ask for more, and two of them leave."""
    rows = rng.choice(params.initial_accounts, rng.poisson(params.accounts / 80), replace=False)
    count = len(rows)
    return ExpansionTriggers(
        account_index=rows,
        base_mrr_minor=np.full(count, 200_000),
        segment=rows % 3,
        region=rows % 6,
        csm=rows % params.csm_count,
        health=rng.standard_normal(count),
        closed_index=rng.choice(params.initial_accounts, 2, replace=False),
    )


def sell(params: WorldParams, streams: Streams) -> tuple[PipelineTrace, list[Wins], MacroPath]:
    """Run the pipeline of a world alone."""
    macro = build_macro(params, streams.rng("macro"))
    pipeline, rng = Pipeline(params, streams), streams.rng("tests")
    wins = []
    for week in range(params.weeks):
        triggers = asked_by(params, rng) if week else no_triggers()
        wins.append(pipeline.step(week, macro, triggers))
    return pipeline.finish(), wins, macro


@cache
def sold(
    variant: str = "plain", accounts: int = 600
) -> tuple[PipelineTrace, list[Wins], MacroPath]:
    """Return one finished sales side, made once per test run."""
    params = preset("tiny", accounts=accounts, variant=variant)
    return sell(params, Streams(params.seed))
