"""ModelDeployments: names, defaults, targets."""

from typing import Any

from sluice_operator.resources import Invalid, ModelDeployment, parse

ECHO = {"name": "echo", "provider": {"type": "Echo"}}


def model(*targets: dict[str, Any], **spec: Any) -> ModelDeployment | Invalid:
    """What parse makes of a ModelDeployment called chat."""
    result = parse(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "chat"},
            "spec": {"targets": list(targets or [ECHO]), **spec},
        }
    )
    assert isinstance(result, ModelDeployment | Invalid)
    return result


def good(*targets: dict[str, Any], **spec: Any) -> ModelDeployment:
    """A ModelDeployment that must pass."""
    result = model(*targets, **spec)
    assert isinstance(result, ModelDeployment), result
    return result


def test_public_name_is_the_resource_name_unless_said() -> None:
    """One name less to write."""
    assert good().public_name == "chat"
    assert good(modelName="gpt-4o").public_name == "gpt-4o"


def test_sections_that_are_left_out_have_their_defaults() -> None:
    """Timeouts in milliseconds, retries and health are there without a word."""
    spec = good().spec

    assert (spec.timeouts.request, spec.timeouts.connect) == (600_000, 3_000)
    assert (spec.timeouts.first_token, spec.timeouts.between_tokens) == (60_000, 60_000)
    assert (spec.retry.attempts, len(spec.retry.causes)) == (2, 4)
    assert (spec.health.consecutive_failures, spec.health.ejection, spec.health.max_ejected_percent) == (5, 30_000, 50)
    assert (spec.visibility, spec.access.namespaces.from_) == ("Public", "All")


def test_target_is_exactly_one_thing() -> None:
    """None and two of provider, providerRef, serviceRef and modelRef are refused."""
    assert isinstance(model({"name": "a"}), Invalid)
    assert isinstance(model({**ECHO, "modelRef": {"name": "b"}}), Invalid)
    assert good({"name": "a", "modelRef": {"name": "b"}}).spec.targets[0].model_ref


def test_model_does_not_serve_itself() -> None:
    """The shortest circle is refused here; longer ones are the compiler's."""
    assert isinstance(model({"name": "a", "modelRef": {"name": "chat"}}), Invalid)
