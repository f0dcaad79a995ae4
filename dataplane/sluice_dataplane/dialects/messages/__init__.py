"""Anthropic's Messages API, and the counting of its tokens."""
