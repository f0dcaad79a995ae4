"""ModelDeployments as models."""

from unit.sluice_operator.compiler.world import compiled, finding, verdict

ECHO = "{name: echo, provider: {type: Echo}}"


def model(name: str, *targets: str) -> str:
    """A free ModelDeployment."""
    return (
        f"kind: ModelDeployment\nmetadata: {{name: {name}}}\n"
        f"spec: {{pricing: {{free: true}}, targets: [{', '.join(targets)}]}}\n---\n"
    )


def nested(name: str, target: str = "nested") -> str:
    """A target that is another model."""
    return f"{{name: {target}, modelRef: {{name: {name}}}}}"


def test_eight_models_may_stand_behind_one() -> None:
    """As deep as the data plane follows, a chain of models serves."""
    chain = "".join(model(f"m{depth}", nested(f"m{depth + 1}")) for depth in range(8)) + model("m8", ECHO)

    assert verdict(compiled(chain), "ModelDeployment", "m0").served


def test_a_ninth_model_behind_one_is_refused() -> None:
    """Deeper than the data plane follows, a target is left out and says so: it is never dropped in silence."""
    chain = "".join(model(f"m{depth}", nested(f"m{depth + 1}")) for depth in range(9)) + model("m9", ECHO)
    compilation = compiled(chain)

    assert finding(compilation, "ModelDeployment", "m0", "ResolvedRefs").reason == "TooDeep"
    assert verdict(compilation, "ModelDeployment", "m1").served


def test_models_cannot_multiply_without_end() -> None:
    """Sixteen targets of sixteen targets would be a plan nobody can hold: what leads to too many is left out."""
    wide = [nested("inner", f"t{number}") for number in range(16)]
    text = (
        model("outer", nested("middle"))
        + model("middle", *wide)
        + model("inner", *[f"{{name: e{number}, provider: {{type: Echo}}}}" for number in range(16)])
    )
    compilation = compiled(text)

    assert verdict(compilation, "ModelDeployment", "middle").served
    assert finding(compilation, "ModelDeployment", "outer", "ResolvedRefs").reason == "TooManyTargets"


def test_a_refused_model_serves_nobody_else() -> None:
    """A model that lost its name cannot be reached by the back door of a modelRef."""
    text = (
        model("a", ECHO)
        + model("b", nested("loser"))
        + (
            "kind: ModelDeployment\nmetadata: {name: loser, creationTimestamp: '2026-01-01T00:00:00Z'}\n"
            f"spec: {{modelName: a, pricing: {{free: true}}, targets: [{ECHO}]}}\n"
        )
    )
    compilation = compiled(text)

    assert finding(compilation, "ModelDeployment", "b", "ResolvedRefs").reason == "ModelNotServed"


def test_an_alias_equal_to_the_name_is_no_conflict() -> None:
    """A model may repeat its own name among its aliases."""
    text = (
        "kind: ModelDeployment\nmetadata: {name: chat}\n"
        f"spec: {{aliases: [chat, fast], pricing: {{free: true}}, targets: [{ECHO}]}}\n"
    )
    (found,) = compiled(text).snapshot.models

    assert found.aliases == ("fast",)
