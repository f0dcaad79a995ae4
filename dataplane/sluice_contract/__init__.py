"""What the operator writes and the data plane reads: snapshots, windows, money, usage, names.

Neither program's code is known here, and nothing here does I/O or reads a clock.  The reader owns the
format, which is why this package lives beside the data plane.
"""
