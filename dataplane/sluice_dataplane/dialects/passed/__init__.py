"""Calls that are only ever passed on: nothing translates them."""
