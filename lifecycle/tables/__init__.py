"""The canonical tables, each declared once; plain Python, so the web process may read them."""
