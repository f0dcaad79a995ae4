"""What OpenAI's calls have in common; the wires that speak like them are built on it."""
