"""The operator: custom resources in, compiled snapshot and truthful statuses out.

Read ``compiler/__init__.py`` first: everything that is decided is decided there, purely.
"""
