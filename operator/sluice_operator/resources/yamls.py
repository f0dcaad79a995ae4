"""YAML as kubectl reads it, and more strictly.  Knows no kind and no file."""

from typing import Any, Final

import yaml

_STRING: Final = "tag:yaml.org,2002:str"
_MERGE: Final = "tag:yaml.org,2002:merge"


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one, where it was built
    """Leaves moments as text, as kubectl does; refuses what would silently mean something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own way
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """As PyYAML's, but a key that is there twice, or that is no text, is an error."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag not in (_STRING, _MERGE):
                hint = "quote it, since YAML reads it as something other than text (on, off, yes and no are booleans)"
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r}: {hint}", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        whole: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return whole
