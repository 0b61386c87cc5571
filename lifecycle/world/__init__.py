"""A seeded synthetic company with planted truth: for proofs, demos and tests, never for claims.

A forward-only weekly clock: macro shocks move the pipeline and the contracts; latent health and
frailty move the hazards; everything observable is drawn from those latents afterwards, so no
label ever makes a feature. ``simulate`` gives a ``Trace``; ``build_facts`` turns it into canonical
tables; ``write_truth`` writes what no trainer may read.

May import the rest of ``lifecycle``; only ``lifecycle.cli``, the root door, tests and benchmarks
may import this room.
"""
