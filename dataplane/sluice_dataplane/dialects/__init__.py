"""The APIs that clients and upstreams speak.  Pure: bytes in, values and bytes out; no I/O, no clock."""
