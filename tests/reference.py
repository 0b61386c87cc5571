"""Two-line plain versions of the accuracy functions: loops and definitions, slow and obvious."""

import math
from itertools import pairwise

import numpy as np


def mae(y, f):
    return sum(abs(a - b) for a, b in zip(y, f, strict=True)) / len(y)


def rmse(y, f):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(y, f, strict=True)) / len(y))


def r2(y, f):
    mean = sum(y) / len(y)
    return 1 - rmse(y, f) ** 2 * len(y) / sum((a - mean) ** 2 for a in y)


def ranks(x):
    return [sum(b < a for b in x) + (sum(b == a for b in x) + 1) / 2 for a in x]


def spearman(y, s):
    a, b = ranks(y), ranks(s)
    return 0.0 if len(set(s)) == 1 else float(np.corrcoef(a, b)[0, 1])


def gini_normalised(y, s):
    def covered(score):
        return float(np.cov(y, ranks(score))[0, 1])

    return covered(s) / covered(y)


def wape(y, f):
    return mae(y, f) * len(y) / sum(abs(a) for a in y)


def bias_share(y, f):
    return (sum(f) - sum(y)) / abs(sum(y))


def auc(y, s):
    pairs = [
        (a, b) for a, i in zip(s, y, strict=True) if i for b, j in zip(s, y, strict=True) if not j
    ]
    return sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)


def average_precision(y, s):
    cuts = [
        [i for a, i in zip(s, y, strict=True) if a >= cut] for cut in sorted(set(s), reverse=True)
    ]
    steps = [(0, 1)] + [(sum(c), len(c)) for c in cuts]
    return sum((b[0] - a[0]) / sum(y) * b[0] / b[1] for a, b in pairwise(steps))


def log_loss(y, p):
    return -sum(math.log(b if a else 1 - b) for a, b in zip(y, p, strict=True)) / len(y)


def brier(y, p):
    return rmse(y, p) ** 2


def lift_at(y, s, share):
    top = max(1, round(share * len(y)))
    best = sorted(zip(s, y, strict=True), key=lambda pair: -pair[0])[:top]
    return sum(i for _, i in best) / top / (sum(y) / len(y))


def pinball(y, f, quantile):
    losses = [(a - b) * (quantile if a >= b else quantile - 1) for a, b in zip(y, f, strict=True)]
    return sum(losses) / len(y)


def interval_score(y, low, high, level):
    penalty = 2 / (1 - level)
    misses = [max(a - b, 0, b - c) for a, b, c in zip(low, y, high, strict=True)]
    return sum(c - a for a, c in zip(low, high, strict=True)) / len(y) + penalty * sum(
        misses
    ) / len(y)


def coverage(y, low, high):
    return sum(a <= b <= c for a, b, c in zip(low, y, high, strict=True)) / len(y)


def mase(y, f, history, season):
    return mae(y, f) / mae(history[season:], history[:-season])


def crps_ensemble(y, draws):
    def one(a, x):
        return (
            sum(abs(b - a) for b in x) / len(x)
            - sum(abs(b - c) for b in x for c in x) / 2 / len(x) ** 2
        )

    return sum(one(a, x) for a, x in zip(y, draws, strict=True)) / len(y)
