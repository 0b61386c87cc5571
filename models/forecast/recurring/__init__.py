"""Recurring revenue: revenue, ending ARR and renewals of a quarter, from contract lines."""
