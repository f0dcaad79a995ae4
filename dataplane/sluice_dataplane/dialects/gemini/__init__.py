"""Gemini's wire: generateContent and what belongs to it, as Google's clients speak it and its servers answer."""
