"""The model that a Budget sends calls to when it has run low: which one, or why none."""

from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.models import Compiled
from sluice_operator.compiler.targets import public_names
from sluice_operator.inventory import ObjectName
from sluice_operator.resources import Budget


def downgrade_model(budget: Budget, models: Compiled) -> str | Problem | None:
    """The public name of the model that *budget* downgrades to; None if it downgrades to none."""
    ref = budget.spec.enforcement.downgrade_model_ref
    if ref is None:
        return None
    wanted = ObjectName(budget.metadata.namespace, ref.name)
    model = models.get(wanted)
    if model is None:
        return Problem("DowngradeModelNotFound", f"ModelDeployment {wanted} does not exist.")
    if not model.in_force:
        return Problem("DowngradeModelNotServed", f"ModelDeployment {wanted} is not served; see its status.")
    name, *others = public_names(model.resource)
    if name.endswith("*"):
        message = f"ModelDeployment {wanted} is a pattern of models, and does not say which one to use."
        return Problem("DowngradeModelInvalid", message)
    counted = budget.spec.subject.models
    if counted is not None and set(counted) <= {name, *others}:
        message = f"Only calls to ModelDeployment {wanted} count here, and they would be sent to itself."
        return Problem("DowngradeLoop", message)
    return name
