"""One module per schema step, oldest first; a step that was released is never edited."""
