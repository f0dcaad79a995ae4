"""Counters: rate limits, calls in flight, budgets.  ``store`` is the seam; ``memory`` and ``redis`` pass one suite."""
