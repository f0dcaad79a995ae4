"""OpenAI's Responses API: passed on, and translated from and to the other wires."""
