"""Name patterns of Budgets, keys and prices: ``*`` stands for any run of characters, everything else for itself."""

import re
from collections.abc import Iterable


def compile_patterns(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression that fully matches a name when any of *patterns* does; it matches nothing when there are none.

    Its time grows with the length of the name times the stars, and no faster: both come from people we do not know.
    """
    return re.compile("|".join(map(_expression, patterns)) or r"(?!)", re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Whether *name* as a whole fits *pattern*; case counts."""
    return compile_patterns((pattern,)).fullmatch(name) is not None


def _expression(pattern: str) -> str:
    first, *rest = map(re.escape, pattern.split("*"))
    if not rest:
        return f"(?:{first})"
    *between, last = rest
    # The first place where a literal between stars fits is as good as any later one, so it is never tried again.
    return first + "".join(f"(?>.*?{literal})" for literal in between if literal) + ".*" + last
