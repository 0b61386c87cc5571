"""Long work outside requests: the worker, the children it starts, and the schedule."""
