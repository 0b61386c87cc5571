"""The one settings object: environment first, then ``<data-dir>/truecast.toml``, then defaults.

Only the doors (``truecast``, ``*.cli*``, ``service.app``) may import this module; everything else
receives values as arguments, so that nothing below reads the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lifecycle.errors import UsageError
from lifecycle.limits import Limits
from lifecycle.periods import EndsRule, FiscalCalendar, Weekday
from lifecycle.secret_files import check_private, read_secret

SETTINGS_FILE = "truecast.toml"


class Settings(BaseSettings):
    """How one company's Truecast is set up.

    Attributes
    ----------
    data_dir
        Folder of the lake, the ledger, MLflow's store and cached frames.
    timezone
        IANA zone in which a day begins and a quarter ends.
    fiscal_year_start_month
        1-12; a fiscal year is named by the calendar year in which it ends.
    fiscal_calendar
        ``months``, or the weeks of a quarter's three months, such as ``4-4-5``.
    fiscal_year_ends_on, fiscal_year_ends_rule
        With weeks: the weekday on which a year closes, the ``last`` (unless set) in the month
        before ``fiscal_year_start_month`` or the one ``nearest`` to that month's end.
    currency
        ISO 4217 code that all money is counted in.
    horizon_days
        Default look-ahead of churn (days).
    ledger_url, ledger_url_file
        SQLAlchemy address of the ledger, or a file of mode 0400 or 0600 that holds it: an address
        with a password belongs there. SQLite under the data directory if neither is set.
    discount_share
        Yearly discount rate of residual value.
    stale_after_days, refuse_after_days
        Age (days) from which scores and models are marked as stale, and from which `POST
        /v1/scores` refuses to speak by them.
    synthetic
        The facts are made up by the world generator; every answer then says so.
    limits
        How much the service takes on; ``TRUECAST_LIMITS__RUNNING``, or a table in the file.
    oidc_issuer, oidc_audience, oidc_jwks
        Identity provider of people: what ``iss`` and ``aud`` are, and address or file of its keys;
        without an issuer only API keys are let in.
    oidc_groups, oidc_groups_claim
        Role, or ``role:book``, by group; and the claim that lists a person's groups.
    schedule_refresh, schedule_train, schedule_backtest
        When a worker begins them by itself: ``daily HH:MM``, ``monthly D HH:MM``,
        ``quarterly D HH:MM`` in ``timezone``, or ``off``.
    job_memory_mb
        How much memory one job may hold (MiB).
    worker_grace_seconds
        How long running jobs may go on once a worker is told to stop.
    log_format, log_level
        One line an event on stderr, as JSON or as text; requests are told at ``info``.
    metrics_port
        Port of the loopback on which measurements are told without a key; 0: none.
    otel_endpoint
        Collector that spans of requests are sent to (OTLP over HTTP); none if empty.
    webhooks_allow_http, webhooks_allow_private
        Whether webhooks may be sent without TLS, and into the own network.
    """

    model_config = SettingsConfigDict(
        env_prefix="TRUECAST_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )
    toml_path: ClassVar[Path | None] = None

    data_dir: Path = Path("truecast-data")
    timezone: str = "UTC"
    fiscal_year_start_month: int = Field(default=1, ge=1, le=12)
    fiscal_calendar: Literal["months", "4-4-5", "4-5-4", "5-4-4"] = "months"
    fiscal_year_ends_on: Weekday | None = None
    fiscal_year_ends_rule: EndsRule | None = None
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    horizon_days: int = Field(default=90, ge=1, le=730)
    ledger_url: SecretStr | None = None
    ledger_url_file: Path | None = None
    mlflow_tracking_uri: str | None = None
    stale_after_days: int = Field(default=30, ge=1)
    refuse_after_days: int = Field(default=90, ge=1)
    discount_share: float = Field(default=0.10, ge=0, lt=1)
    synthetic: bool = False
    limits: Limits = Limits()
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks: str = ""
    oidc_groups: dict[str, str] = Field(default_factory=dict)
    oidc_groups_claim: str = "groups"
    schedule_refresh: str = "daily 03:00"
    schedule_train: str = "monthly 2 04:00"
    schedule_backtest: str = "quarterly 3 05:00"
    job_memory_mb: int = Field(default=4096, ge=256)
    worker_grace_seconds: float = Field(default=25.0, ge=0, le=3600)
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    otel_endpoint: str = Field(default="", pattern=r"^(https?://\S+)?$")
    webhooks_allow_http: bool = False
    webhooks_allow_private: bool = False

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError(f"unknown timezone {value!r}; use an IANA name") from error
        return value

    @model_validator(mode="after")
    def _whole_calendar(self) -> Self:
        if self.fiscal_calendar != "months":
            if self.fiscal_year_ends_on is None:
                raise ValueError(
                    f"fiscal_calendar {self.fiscal_calendar!r} closes its years on a weekday; "
                    "set fiscal_year_ends_on, such as saturday"
                )
        elif self.fiscal_year_ends_on or self.fiscal_year_ends_rule:
            raise ValueError(
                "fiscal_year_ends_on and fiscal_year_ends_rule are for years of weeks; set "
                "fiscal_calendar to 4-4-5, 4-5-4 or 5-4-4, or leave them out"
            )
        return self

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.ledger_url is not None and self.ledger_url_file is not None:
            raise ValueError("ledger_url and ledger_url_file are both set; set one of them")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, the data directory's file."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if cls.toml_path is not None:
            sources.append(TomlConfigSettingsSource(settings_cls, cls.toml_path))
        return tuple(sources)

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def calendar(self) -> FiscalCalendar:
        """When the company's fiscal years and quarters begin."""
        if self.fiscal_calendar == "months" or self.fiscal_year_ends_on is None:
            return FiscalCalendar(self.fiscal_year_start_month)
        return FiscalCalendar(
            self.fiscal_year_start_month,
            self.fiscal_calendar,
            ends_on=self.fiscal_year_ends_on,
            ends_rule=self.fiscal_year_ends_rule or "last",
        )

    @property
    def lake_dir(self) -> Path:
        """Folder of the Delta tables."""
        return self.data_dir / "lake"

    @property
    def frames_dir(self) -> Path:
        """Folder of cached feature frames."""
        return self.data_dir / "frames"

    @property
    def bundles_dir(self) -> Path:
        """Folder of released, data-only model bundles, one sub-folder per digest."""
        return self.data_dir / "bundles"

    @property
    def ledger_address(self) -> str:
        """SQLAlchemy URL of the ledger; SQLite under the data directory unless set.

        Raises
        ------
        UsageError
            The file that holds it cannot be read, or others may read it.
        """
        if self.ledger_url_file is not None:
            return read_secret(self.ledger_url_file, "TRUECAST_LEDGER_URL_FILE")
        if self.ledger_url is not None:
            return self.ledger_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'ledger.sqlite'}"

    @property
    def mlflow_address(self) -> str:
        """MLflow tracking URI; SQLite under the data directory unless set."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.data_dir / 'mlflow.sqlite'}"


def load_existing(data_dir: Path | str | None = None) -> Settings:
    """Read the settings of a data directory that is there, for commands that make none.

    Raises
    ------
    UsageError
        There is no such folder (a slip of the pen must not make a new, empty company), or a value
        is not allowed.
    """
    settings = load_settings(data_dir)
    if not settings.data_dir.is_dir():
        raise UsageError(
            f"no data directory {settings.data_dir}",
            "a folder that `truecast ingest` has made",
            "correct --data-dir, or ingest into it first",
        )
    return settings


def load_settings(data_dir: Path | str | None = None) -> Settings:
    """Read the settings of one data directory.

    Parameters
    ----------
    data_dir
        Overrides ``TRUECAST_DATA_DIR``; ``None`` keeps the environment's or the default folder.

    Returns
    -------
    Settings
        Frozen; environment over file over defaults.

    Raises
    ------
    UsageError
        A value is not allowed; the message names it.
    """
    given: dict[str, Any] = {} if data_dir is None else {"data_dir": Path(data_dir)}
    try:
        folder = Settings(**given).data_dir
        check_private(folder / SETTINGS_FILE)
        reader: type[Settings] = type(
            "_Settings", (Settings,), {"toml_path": folder / SETTINGS_FILE}
        )
        return reader(**{**given, "data_dir": folder})
    except ValidationError as error:
        raise _refused("; ".join(_describe(one) for one in error.errors())) from None
    except ValueError as error:
        raise _refused(str(error)) from error


def _refused(found: str) -> UsageError:
    return UsageError(
        f"settings cannot be read: {found}".replace("\n", " "),
        todo=f"correct TRUECAST_* variables or {SETTINGS_FILE}",
    )


def _describe(error: Any) -> str:
    """Name a wrong setting and its value; never that of an address, which may hold a password."""
    name = ".".join(str(part) for part in error["loc"])
    shown = f" ({str(error['input'])[:60]!r})" if name and "url" not in name else ""
    return f"{name}{shown}: {error['msg']}" if name else str(error["msg"])
