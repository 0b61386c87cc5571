"""Churn risk of accounts that hold a contract: rules, headline, months ahead, causes and doubt."""
