"""Facts: what happened to whom, and when we knew it. Imports no other room."""
