"""Name patterns of Budgets, keys and prices: ``*`` stands for any run of characters, everything else for itself."""

import re
from collections.abc import Iterable


def compile_patterns(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression that fully matches a name when any of *patterns* does; it matches nothing when there are none."""
    alternatives = "|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return re.compile(f"(?:{alternatives})" if alternatives else r"(?!)", re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Whether *name* as a whole fits *pattern*; case counts."""
    return compile_patterns((pattern,)).fullmatch(name) is not None
