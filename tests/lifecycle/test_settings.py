"""Settings: arguments over environment over the data directory's file over defaults."""

import pytest

from lifecycle.errors import UsageError
from lifecycle.settings import SETTINGS_FILE, load_existing, load_settings


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
