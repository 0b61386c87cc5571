"""From a bundle's digest to the fitted model in it."""

from __future__ import annotations

from pathlib import Path

from models.base import ScoreModel
from models.bundle import load_bundle
from models.classes import load_class


def load_model(folder: Path, digest: str) -> ScoreModel:
    """Load a released model from its bundle.

    Parameters
    ----------
    folder
        Where bundles live.
    digest
        As the ledger holds it.

    Raises
    ------
    BundleError
        The bundle is missing, altered, or of a class this version does not know.
    """
    meta, parts = load_bundle(folder, digest)
    made: ScoreModel = load_class(str(meta["model_class"])).from_parts(parts)
    return made
