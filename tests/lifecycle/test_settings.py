"""Settings: arguments over environment over the data directory's file over defaults."""

import pytest

from lifecycle.errors import UsageError
from lifecycle.periods import FiscalCalendar
from lifecycle.settings import SETTINGS_FILE, load_existing, load_settings
from tests.lifecycle.calendars import RETAIL


def test_the_file_in_the_data_directory_is_read(tmp_path):
    (tmp_path / SETTINGS_FILE).write_text('currency = "GBP"\nfiscal_year_start_month = 12\n')
    settings = load_settings(tmp_path)
    assert (settings.currency, settings.fiscal_year_start_month) == ("GBP", 12)
    assert settings.data_dir == tmp_path


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / SETTINGS_FILE).write_text('currency = "GBP"\n')
    monkeypatch.setenv("TRUECAST_CURRENCY", "EUR")
    assert load_settings(tmp_path).currency == "EUR"


def test_two_data_directories_do_not_see_each_others_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / SETTINGS_FILE).write_text('currency = "GBP"\n')
    assert load_settings(tmp_path / "a").currency == "GBP"
    assert load_settings(tmp_path / "b").currency == "USD"


@pytest.mark.parametrize(
    "line",
    [
        'currency = "pounds"',
        'timezone = "Mars/Olympus"',
        "fiscal_year_start_month = 13",
        "currency = ",
    ],
)
def test_a_wrong_setting_is_a_usage_error_of_one_line(tmp_path, line):
    (tmp_path / SETTINGS_FILE).write_text(line)
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path)
    assert "\n" not in str(caught.value)
    assert "to do" in str(caught.value)


def test_the_stores_lie_under_the_data_directory_unless_set(tmp_path, monkeypatch):
    settings = load_settings(tmp_path)
    assert str(tmp_path) in settings.ledger_address
    assert str(tmp_path) in settings.mlflow_address
    monkeypatch.setenv("TRUECAST_LEDGER_URL", "sqlite:///elsewhere.sqlite")
    assert load_settings(tmp_path).ledger_address == "sqlite:///elsewhere.sqlite"


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(UsageError, match="no data directory"):
        load_existing(tmp_path / "slip")
    assert not (tmp_path / "slip").exists()
    assert load_existing(tmp_path).data_dir == tmp_path


def test_a_calendar_of_weeks_is_read_from_the_settings(tmp_path):
    (tmp_path / SETTINGS_FILE).write_text(
        'fiscal_year_start_month = 2\nfiscal_calendar = "4-5-4"\n'
        'fiscal_year_ends_on = "saturday"\nfiscal_year_ends_rule = "nearest"\n'
    )
    assert load_settings(tmp_path).calendar == RETAIL


def test_a_year_of_weeks_closes_on_the_last_such_weekday_unless_set(tmp_path):
    (tmp_path / SETTINGS_FILE).write_text(
        'fiscal_calendar = "4-4-5"\nfiscal_year_ends_on = "friday"\n'
    )
    found = load_settings(tmp_path).calendar
    assert (found.weeks, found.ends_on, found.ends_rule) == ("4-4-5", "friday", "last")


def test_years_are_of_months_unless_set(tmp_path):
    (tmp_path / SETTINGS_FILE).write_text("fiscal_year_start_month = 12\n")
    assert load_settings(tmp_path).calendar == FiscalCalendar(12)


@pytest.mark.parametrize(
    ("lines", "todo"),
    [
        ('fiscal_calendar = "4-4-5"', "set fiscal_year_ends_on"),
        ('fiscal_calendar = "4-4-5"\nfiscal_year_ends_rule = "last"', "set fiscal_year_ends_on"),
        ('fiscal_year_ends_on = "friday"', "set fiscal_calendar to"),
        ('fiscal_year_ends_rule = "nearest"', "set fiscal_calendar to"),
        ('fiscal_calendar = "445"', "4-4-5"),
        ('fiscal_calendar = "4-4-5"\nfiscal_year_ends_on = "Sat"', "saturday"),
    ],
)
def test_half_a_calendar_is_refused_and_says_what_is_missing(tmp_path, lines, todo):
    (tmp_path / SETTINGS_FILE).write_text(lines)
    with pytest.raises(UsageError, match=todo) as caught:
        load_settings(tmp_path)
    assert "\n" not in str(caught.value)


URL = "postgresql+psycopg://truecast:hush-hush@db.internal/truecast"


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_the_ledgers_address_is_read_from_a_private_file(tmp_path, monkeypatch, mode):
    secret = tmp_path / "url"
    secret.write_text(f"{URL}\n")
    secret.chmod(mode)
    monkeypatch.setenv("TRUECAST_LEDGER_URL_FILE", str(secret))
    assert load_settings(tmp_path).ledger_address == URL


@pytest.mark.parametrize(("text", "mode"), [(URL, 0o640), (URL, 0o644), ("", 0o600), (None, 0)])
def test_an_address_that_others_may_read_is_refused(tmp_path, monkeypatch, text, mode):
    secret = tmp_path / "url"
    if text is not None:
        secret.write_text(text)
        secret.chmod(mode)
    monkeypatch.setenv("TRUECAST_LEDGER_URL_FILE", str(secret))
    with pytest.raises(UsageError) as caught:
        _ = load_settings(tmp_path).ledger_address
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(("url", "mode", "well"), [
    (URL, 0o600, True), (URL, 0o644, False), (URL.replace(":hush-hush", ""), 0o644, True),
])  # fmt: skip
def test_a_settings_file_with_a_password_is_private(tmp_path, url, mode, well):
    (tmp_path / SETTINGS_FILE).write_text(f'ledger_url = "{url}"\n')
    (tmp_path / SETTINGS_FILE).chmod(mode)
    if well:
        assert load_settings(tmp_path).ledger_address == url
    else:
        with pytest.raises(UsageError, match="chmod 600"):
            load_settings(tmp_path)


@pytest.mark.parametrize("other", ["TRUECAST_LEDGER_URL_FILE", "TRUECAST_HORIZON_DAYS"])
def test_a_password_is_in_no_message_and_no_representation(tmp_path, monkeypatch, other):
    monkeypatch.setenv("TRUECAST_LEDGER_URL", URL)
    assert "hush" not in repr(load_settings(tmp_path))
    monkeypatch.setenv(other, "0")
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path)
    assert "hush" not in str(caught.value)
