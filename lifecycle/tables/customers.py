"""Who we sell to and what we sell: accounts, owners, contacts, products, and custom fields."""

from __future__ import annotations

from lifecycle.tables.declare import (
    Table,
    code,
    currency,
    day,
    flag,
    id_column,
    instant,
    money,
    number,
    text,
)

ATTRIBUTE_KNOWN = ("created", "closed", "unknown")
"""What a mapping may say of when an attribute was known."""

ACCOUNTS = Table(
    "accounts",
    "entity",
    ("account_id",),
    None,
    (
        id_column("account_id", "The customer or prospect."),
        text("name", "Name of the company, for people to read; never a feature."),
        code("segment", "Segment that forecasts and peers are grouped by."),
        code("country", "Country as the source names it."),
        code("industry", "Line of business."),
        id_column("owner_id", "Who looks after the account.", null=True),
        instant("created_at", "When the account came into being.", null=True),
    ),
    "A company we sell to or could sell to.",
)

OWNERS = Table(
    "owners",
    "entity",
    ("owner_id", "effective_from"),
    None,
    (
        id_column("owner_id", "A seller, a customer success manager or a manager."),
        day("effective_from", "First day on which the row holds.", null=False),
        day("effective_to", "First day on which it no longer holds; null = still."),
        text("name", "Staff name, for people to read; never a feature."),
        code("role", "rep, csm, manager or leader.", allowed=("rep", "csm", "manager", "leader")),
        code("team", "Team."),
        code("region", "Region or territory."),
        id_column("manager_id", "The owner above, whose number includes this one's.", null=True),
        day("hired_on", "First working day; ramp is counted from it."),
        day("left_on", "First day after the last working day."),
    ),
    "Staff and their place in the hierarchy, by effective date: past periods keep their tree.",
)

CONTACTS = Table(
    "contacts",
    "entity",
    ("contact_id",),
    None,
    (
        id_column("contact_id", "Pseudonymous id; name and e-mail are kept apart, erasable."),
        id_column("account_id", "Where the person works.", null=True),
        code("role", "Part in buying: champion, buyer, executive, legal, user, admin, …"),
        code("seniority", "Level, as the source has it."),
        flag("is_champion", "Speaks for us inside the account."),
        flag("is_sponsor", "Executive sponsor."),
        instant("created_at", "When we first had the contact.", null=True),
        day("left_on", "Day the person left the account: a known loss of a champion."),
    ),
    "A person at an account, without anything that names the person.",
)

CONTACT_DETAILS = Table(
    "contact_details",
    "entity",
    ("contact_id",),
    None,
    (
        id_column("contact_id", "The pseudonymous id."),
        text("name", "Full name."),
        text("email", "E-mail address."),
        text("phone", "Telephone number."),
    ),
    "What names a person. Not a lake table: kept in a separate store from which it can be erased.",
)

PRODUCTS = Table(
    "products",
    "entity",
    ("product_id",),
    None,
    (
        id_column("product_id", "The product or plan."),
        text("name", "Name, for people to read."),
        code("family", "Product line."),
        code(
            "kind",
            "How it is sold.",
            allowed=("subscription", "usage", "one_time", "service"),
        ),
        money("list_price_minor", "List price per unit and billing period.", null=True),
        currency(null=True),
        number("margin_share", "share", "Gross margin as a share of price; CLV `gross` uses it."),
        day("launched_on", "First day on sale."),
        day("retired_on", "First day no longer on sale."),
    ),
    "What is sold.",
)

ATTRIBUTES = Table(
    "attributes",
    "entity",
    ("entity", "entity_id", "name"),
    None,
    (
        code(
            "entity",
            "Kind of thing described.",
            allowed=("account", "opportunity", "contact", "lead", "subscription", "product"),
            null=False,
        ),
        id_column("entity_id", "Which one."),
        code("name", "Name of the custom field.", null=False),
        number("number", "number", "The value, when it is a number."),
        text("text", "The value, when it is not."),
        code(
            "known",
            "When the value was known, where `known_at` cannot say: since the thing was created, "
            "only once it was closed, or nobody knows; null = by `known_at`. What is `closed` or "
            "`unknown` is audited and never a feature.",
            allowed=ATTRIBUTE_KNOWN,
        ),
    ),
    "Any custom field of a source system; exactly one of number and text is set.",
)

ACCOUNT_MERGES = Table(
    "account_merges",
    "event",
    ("merge_id",),
    "merged_at",
    (
        id_column("merge_id", "The merge."),
        id_column("account_id", "The duplicate, which ends."),
        id_column("into_account_id", "The account that takes its facts."),
        instant("merged_at", "When the two became one."),
    ),
    "Duplicates found to be one account, from that instant on.",
)

TABLES = (ACCOUNTS, OWNERS, CONTACTS, PRODUCTS, ATTRIBUTES, ACCOUNT_MERGES)
