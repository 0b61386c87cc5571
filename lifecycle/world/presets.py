"""What a world is made from: its size, seed, variant and every coefficient of its contracts.

All records are frozen and hold plain numbers and tuples only, so that a world is named by the
digest of its parameters and ``truth_params.json`` can state them.

Units: ``_minor`` is US cents, ``_year`` rates are events per account and year, log-odds are
natural.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal, get_args

from lifecycle.errors import UsageError
from lifecycle.periods import add_months

Variant = Literal["plain", "misspecified", "drift", "shock"]

SEGMENTS = ("smb", "mid_market", "enterprise")
INDUSTRIES = (
    "software", "retail", "manufacturing", "health", "finance", "services", "education",
)  # fmt: skip
REGIONS = ("US", "GB", "DE", "FR", "NL", "CA")
CHANNELS = ("inbound", "outbound", "partner", "event", "paid")
PRODUCTS = ("core", "pro", "analytics")
TERMS = (1, 12, 24, 36)
NOTICES = (0, 30, 60, 90)

CURRENCY = "USD"
WEEK_DAYS = 7
YEAR_DAYS = 365.25
INITIAL_SHARE = 0.85


@dataclass(frozen=True)
class Mix:
    """Who the accounts are; the outer tuples run over ``SEGMENTS`` unless said otherwise.

    ``mrr_median_minor`` and ``mrr_sigma`` are of a lognormal MRR; ``seat_price_minor`` is the
    monthly list price of a seat; ``margin_share`` and ``product_shares`` (base lines only) run
    over ``PRODUCTS``; ``serve_cost_minor`` is the median cost to serve per account and month;
    ``addon_ratio`` is the second line's share of the first MRR.
    """

    segment_shares: tuple[float, ...] = (0.62, 0.27, 0.11)
    industry_shares: tuple[float, ...] = (0.24, 0.18, 0.16, 0.12, 0.12, 0.11, 0.07)
    region_shares: tuple[float, ...] = (0.46, 0.17, 0.14, 0.09, 0.06, 0.08)
    channel_shares: tuple[float, ...] = (0.34, 0.24, 0.16, 0.10, 0.16)
    mrr_median_minor: tuple[float, ...] = (45_000.0, 220_000.0, 1_100_000.0)
    mrr_sigma: tuple[float, ...] = (0.55, 0.55, 0.60)
    seat_price_minor: tuple[float, ...] = (3_000.0, 2_600.0, 2_200.0)
    term_shares: tuple[tuple[float, ...], ...] = (
        (0.45, 0.50, 0.05, 0.00),
        (0.10, 0.68, 0.15, 0.07),
        (0.00, 0.58, 0.20, 0.22),
    )
    notice_shares: tuple[tuple[float, ...], ...] = (
        (0.30, 0.60, 0.10, 0.00),
        (0.10, 0.50, 0.30, 0.10),
        (0.05, 0.30, 0.40, 0.25),
    )
    auto_renew_share: float = 0.88
    product_shares: tuple[tuple[float, ...], ...] = ((0.70, 0.30), (0.40, 0.60), (0.20, 0.80))
    margin_share: tuple[float, ...] = (0.78, 0.82, 0.72)
    serve_cost_minor: tuple[float, ...] = (3_500.0, 15_000.0, 70_000.0)
    serve_cost_sigma: float = 0.30
    addon_share: float = 0.16
    addon_ratio: float = 0.25


@dataclass(frozen=True)
class Latents:
    """How health, jumps and payment trouble move; health has about unit standard deviation.

    A jump lowers health by its drop on the week it happens and heals by its half-life.
    ``pay_rates_year`` runs over ``SEGMENTS``: new spells of payment trouble.
    """

    monthly_memory: float = 0.93
    base_sd: float = 1.0
    fit_weight: float = 0.35
    champion_rate_year: float = 0.16
    champion_drop: float = 1.0
    champion_halflife_weeks: float = 30.0
    incident_rate_year: float = 0.35
    incident_drop: float = 0.8
    incident_halflife_weeks: float = 10.0
    competitor_rate_year: float = 0.18
    competitor_drop: float = 0.8
    competitor_halflife_weeks: float = 22.0
    pay_rates_year: tuple[float, ...] = (0.35, 0.20, 0.10)
    pay_halflife_weeks: float = 5.0


@dataclass(frozen=True)
class Risk:
    """Log-odds of leaving. Renewal intercepts run over ``TERMS``, segment terms over ``SEGMENTS``.

    The shared score of an account is ``health * -h + frailty * u + segment + tenure * log1p(years)
    + size * log(mrr / median of the segment) + macro.churn``; it enters each cause with that
    cause's own share. ``return_shares`` (over ``CAUSES``) come back within 30 days.
    """

    renewal: tuple[float, ...] = (-3.68, -1.56, -1.36, -1.20)
    midterm: float = -7.9
    involuntary: float = -8.1
    segment: tuple[float, ...] = (0.32, -0.38, -1.00)
    health: float = 1.05
    frailty: float = 0.50
    tenure: float = -0.20
    size: float = -0.25
    price_per_point: float = 0.10
    pay: float = 3.0
    midterm_share: float = 0.9
    involuntary_share: float = 0.25
    withdrawn_share: float = 0.04
    return_shares: tuple[float, ...] = (0.01, 0.01, 0.10)
    late_return_share: float = 0.05


@dataclass(frozen=True)
class Growth:
    """Moves of MRR while an account stays.

    ``uplift_mean`` and ``uplift_sd`` are the agreed price change of a year at renewal (share).
    A trigger asks the pipeline for an expansion deal. Contractions, and growth that needs no deal,
    fall on renewals at yearly rates (at health 0) of the time that the term lasted.
    """

    uplift_mean: float = 0.040
    uplift_sd: float = 0.03
    uplift_share: float = 0.80
    contraction_year: float = 0.08
    contraction_health: float = 0.8
    contraction_median: float = 0.18
    contraction_sigma: float = 0.45
    growth_year: float = 0.58
    growth_median: float = 0.17
    growth_sigma: float = 0.60
    trigger_year: float = 1.20
    trigger_health: float = 0.45
    addon_drop: float = -2.6
    addon_win_share: float = 0.10


@dataclass(frozen=True)
class Shocks:
    """Weekly AR(1) of the macro path: memory of a month, stationary standard deviations."""

    monthly_memory: float = 0.90
    win_sd: float = 0.20
    churn_sd: float = 0.15
    volume_sd: float = 0.12
    price_sd: float = 0.01
    break_churn: float = 0.60
    break_win: float = -0.50


@dataclass(frozen=True)
class WorldParams:
    """A world before it happens.

    Parameters
    ----------
    accounts
        Active contractual accounts aimed at; the base begins with 85 % of them.
    months
        Length from ``start``.
    seed
        Root of every stream of random numbers.
    variant
        ``plain``, ``misspecified`` (interactions and thresholds in the hazards), ``drift``
        (coefficients move) or ``shock`` (a break of churn and win rates after 60 % of the time).
    start
        A Monday; week w is ``[start + 7 w, start + 7 w + 7)``, UTC.
    """

    accounts: int
    months: int
    seed: int = 1
    variant: Variant = "plain"
    start: date = date(2021, 1, 4)
    mix: Mix = field(default_factory=Mix)
    latents: Latents = field(default_factory=Latents)
    risk: Risk = field(default_factory=Risk)
    growth: Growth = field(default_factory=Growth)
    shocks: Shocks = field(default_factory=Shocks)

    @property
    def weeks(self) -> int:
        """Weeks that the clock runs: to the Monday nearest the end of the last month."""
        end = add_months(self.start.replace(day=1), self.months)
        return round((end - self.start).days / WEEK_DAYS)

    @property
    def end(self) -> date:
        """First day after the last week."""
        return self.start + timedelta(days=WEEK_DAYS * self.weeks)

    @property
    def initial_accounts(self) -> int:
        """Accounts that hold a contract when the clock starts."""
        return round(INITIAL_SHARE * self.accounts)

    @property
    def wins_year(self) -> float:
        """New-business wins a year that replace leavers (about 22 %) and fill the base slowly."""
        fill = (self.accounts - self.initial_accounts) / max(self.months / 12.0, 2.0)
        return 0.22 * self.accounts + fill

    @property
    def break_week(self) -> int:
        """Week in which the regime of the ``shock`` variant begins."""
        return round(0.6 * self.weeks)

    @property
    def csm_count(self) -> int:
        """Customer success managers: one for about 60 accounts, at least two."""
        return max(2, round(self.accounts / 60))


PRESETS: dict[str, tuple[int, int]] = {
    "tiny": (300, 24),
    "demo": (2_500, 48),
    "bench": (50_000, 24),
}


def preset(name: str, **over: object) -> WorldParams:
    """Return the parameters of a named world, some of them replaced.

    Parameters
    ----------
    name
        ``tiny``, ``demo`` or ``bench``.
    over
        Fields of ``WorldParams`` to replace; ``None`` leaves a field as it is.

    Raises
    ------
    UsageError
        No such preset, field or variant, or a size too small to be a world.

    Examples
    --------
    >>> preset("tiny").weeks
    104
    >>> preset("tiny", accounts=400, months=48).end.isoformat()
    '2024-12-30'
    """
    if name not in PRESETS:
        raise UsageError(f"world {name[:40]!r}", " or ".join(PRESETS), "choose one of them")
    accounts, months = PRESETS[name]
    params = WorldParams(accounts=accounts, months=months)
    given = {key: value for key, value in over.items() if value is not None}
    unknown = sorted(set(given) - set(WorldParams.__dataclass_fields__))
    if unknown:
        raise UsageError(f"world field {unknown[0][:40]!r}", "a field of WorldParams", "correct it")
    params = replace(params, **given)  # type: ignore[arg-type]
    return _checked(params)


def _checked(params: WorldParams) -> WorldParams:
    if params.accounts < 20 or params.months < 3:
        found = f"a world of {params.accounts} accounts and {params.months} months"
        raise UsageError(found, "20 accounts and 3 months or more", "make it larger")
    if params.variant not in get_args(Variant):
        options = " or ".join(get_args(Variant))
        raise UsageError(f"variant {params.variant[:40]!r}", options, "choose one of them")
    if params.start.weekday() != 0:
        raise UsageError(f"world start {params.start}", "a Monday", "choose one")
    return params
