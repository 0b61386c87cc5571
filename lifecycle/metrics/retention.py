"""How much recurring revenue stays and grows: NRR, GRR and logo retention, point to point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Retention:
    """Retention of the customers of one day, seen from a later day.

    ``start + expansion - contraction - churn`` is what those customers bring at the end.

    Attributes
    ----------
    customers_count
        Customers at the start.
    start_minor, expansion_minor, contraction_minor, churn_minor
        MRR (minor units), all of them positive amounts.
    kept_count
        Customers of the start that still pay at the end.
    """

    customers_count: int
    start_minor: int
    expansion_minor: int
    contraction_minor: int
    churn_minor: int
    kept_count: int

    @property
    def nrr(self) -> float:
        """Net revenue retention: end over start of the same customers; NaN without a start."""
        return self._share(self.expansion_minor - self.contraction_minor - self.churn_minor)

    @property
    def grr(self) -> float:
        """Gross revenue retention: without expansion; at most 1."""
        return self._share(-self.contraction_minor - self.churn_minor)

    @property
    def logo(self) -> float:
        """Share of customers kept."""
        return self.kept_count / self.customers_count if self.customers_count else float("nan")

    def _share(self, change_minor: int) -> float:
        if not self.start_minor:
            return float("nan")
        return (self.start_minor + change_minor) / self.start_minor


def measure_retention(start: Mapping[str, int], end: Mapping[str, int]) -> Retention:
    """Compare the balances of two days, account by account.

    Parameters
    ----------
    start, end
        Account to MRR (minor units) at each day; customers won in between do not count.

    Examples
    --------
    >>> found = measure_retention({"a": 100, "b": 100, "c": 50}, {"a": 150, "b": 80, "new": 10})
    >>> found.nrr, found.grr, round(found.logo, 3)
    (0.92, 0.72, 0.667)
    """
    moved = {account: end.get(account, 0) - mrr for account, mrr in start.items()}
    return Retention(
        customers_count=len(start),
        start_minor=sum(start.values()),
        expansion_minor=sum(change for change in moved.values() if change > 0),
        contraction_minor=sum(
            -change for account, change in moved.items() if change < 0 and account in end
        ),
        churn_minor=sum(mrr for account, mrr in start.items() if account not in end),
        kept_count=sum(account in end for account in start),
    )
