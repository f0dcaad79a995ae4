"""The data plane: one asyncio process that answers LLM calls under one immutable table.

Read ``pipeline/__init__.py`` first: it names the rooms a request passes, in order.
"""
