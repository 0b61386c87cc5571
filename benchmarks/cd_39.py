"""CD-39: purchases of 2,357 CDNOW customers in 39 weeks, after 39 weeks of calibration.

No earlier origin with a 39-week outcome exists, so the champion is chosen without the hold-out:
inside each family the extension with the least BIC on the calibration data, and among the families
the least MAE at three earlier ends of calibration (30 April, 31 May, 30 June), each judged up to
30 September 1997. The hold-out is looked at once, for all candidates, to be shown.
"""

from __future__ import annotations

import numpy as np

from benchmarks.cdnow import EXTENSIONS, FAMILIES, Calibration, bic, calibrate, load_days
from benchmarks.protocol import Result, check_reproduced
from models.accuracy import auc, mae, rmse
from models.clv.bg_nbd import fit_bg_nbd
from models.clv.gamma_gamma import fit_gamma_gamma
from models.clv.pareto_nbd import fit_pareto_nbd

NAME = "cd-39"
CUT, END = "1997-09-30", "1998-06-30"
WEEKS = 39
EARLIER = ("1997-04-30", "1997-05-31", "1997-06-30")
PUBLISHED = {
    "Pareto/NBD": {"corr": 0.6302, "mse": 2.569, "mae": 0.7545, "total": 1665, "auc": 0.7787},
    "MBG/NBD": {"corr": 0.6273, "mse": 2.583, "mae": 0.7648, "total": 1577, "auc": 0.7728},
    "BG/NBD": {"corr": 0.6256, "mse": 2.586, "mae": 0.7855, "total": 1653, "auc": 0.7725},
    "own rate": {"corr": 0.584, "mse": 4.89, "mae": 1.024, "total": 2930, "auc": 0.760},
}


def measure(bought: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Return the figures of the protocol; ``bought`` counts the purchases of the hold-out."""
    return {
        "mae": mae(bought, expected),
        "corr": float(np.corrcoef(bought, expected)[0, 1]),
        "mse": rmse(bought, expected) ** 2,
        "total": float(expected.sum()),
        "auc": auc(bought > 0, expected),
    }


def check_parameters(calibration: Calibration) -> dict[str, np.ndarray]:
    """Fit the plain models, compare their parameters with the published, return predictions."""
    counts = calibration.histories.counts
    models = {
        "Pareto/NBD": fit_pareto_nbd(counts),
        "MBG/NBD": fit_bg_nbd(counts, early_dropout=True),
        "BG/NBD": fit_bg_nbd(counts),
    }
    worth = fit_gamma_gamma(counts.frequency, calibration.money)
    buyers = float(((counts.frequency > 0) & (calibration.money > 0)).sum())
    check_reproduced("Gamma-Gamma, repeat buyers", buyers, 946, tolerance=0)
    wanted = [
        (models["BG/NBD"], {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}),
        (models["Pareto/NBD"], {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.67}),
        (worth, {"p": 6.25, "q": 3.74, "v": 15.44}),
    ]
    for model, parameters in wanted:
        for name, value in parameters.items():
            check_reproduced(f"{type(model).__name__} {name}", getattr(model, name), value)
    own_rate = counts.frequency / counts.age * WEEKS
    expected = {
        name: model.expected_purchases(counts, horizon=float(WEEKS))
        for name, model in models.items()
    }
    return {**expected, "own rate": own_rate}


def choose_extensions(calibration: Calibration) -> dict[str, tuple[str, float]]:
    """Return for each family the extension of least BIC, and that BIC."""
    best = {}
    for family, fit in FAMILIES.items():
        scores = {
            name: bic(fit(calibration.histories, **free), calibration, name)
            for name, free in EXTENSIONS.items()
        }
        name = min(scores, key=scores.__getitem__)
        best[family] = (name, scores[name])
    return best


def earlier_mae(days, family: str, extension: str) -> float:
    """Return the mean MAE at the earlier ends, judged up to the end of the calibration."""
    errors = []
    for cut in EARLIER:
        past = calibrate(days, cut)
        model = FAMILIES[family](past.histories, **EXTENSIONS[extension])
        weeks = (np.datetime64(CUT) - np.datetime64(cut)).astype(int) / 7
        expected = model.expected_purchases(past.histories, horizon=float(weeks))
        errors.append(mae(past.purchases_until(CUT), expected))
    return float(np.mean(errors))


def run() -> Result:
    days = load_days("cdnow_sample_2357.csv")
    calibration = calibrate(days, CUT)
    bought = calibration.purchases_until(END)
    check_reproduced("hold-out purchases", bought.sum(), 1882, tolerance=0)
    plain = check_parameters(calibration)
    rivals = {name: measure(bought, expected) for name, expected in plain.items()}
    for name, figures in PUBLISHED.items():
        for figure, value in figures.items():
            check_reproduced(f"{name} {figure}", rivals[name][figure], value)
    rivals["nobody buys again"] = {"mae": float(bought.mean()), "total": 0.0}

    best = choose_extensions(calibration)
    errors = {family: earlier_mae(days, family, ext) for family, (ext, _) in best.items()}
    champion = min(errors, key=errors.__getitem__)
    figures = {}
    for family, (extension, score) in best.items():
        model = FAMILIES[family](calibration.histories, **EXTENSIONS[extension])
        expected = model.expected_purchases(calibration.histories, horizon=float(WEEKS))
        found = {**measure(bought, expected), "bic": score, "earlier_mae": errors[family]}
        if family == champion:
            figures = found
        else:
            rivals[f"{family}, {extension} (not chosen)"] = found
    note = (
        f"Chosen without the hold-out: {champion} with {best[champion][0]} (extension by BIC, "
        f"family by MAE at {len(EARLIER)} earlier origins). BIC alone would take "
        f"{min(best, key=lambda name: best[name][1])}. 1,882 purchases were made: the champion's "
        f"lower MAE goes with a total of {figures['total']:,.0f}."
    )
    return Result(figures=figures, rivals=rivals, n=len(bought), note=note)
