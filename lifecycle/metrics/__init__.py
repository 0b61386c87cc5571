"""Business measures by name and definition, from the facts known on a day. Nothing predicted."""
