"""The four kinds as typed values: what a manifest may say, and nothing of what it refers to.

Durations are ``int`` milliseconds, moments are aware ``datetime``, money is the decimal string of the manifest
(see :mod:`sluice_contract.money`), absent is None.  CRDs are generated from here (``crds``).  Pure.
"""

from sluice_operator.resources.budget import Budget, BudgetSpec
from sluice_operator.resources.common import Kind, Limit, Meta, NamespaceSelector, ObjectRef
from sluice_operator.resources.key import VirtualKey, VirtualKeySpec
from sluice_operator.resources.model import ModelDeployment, ModelDeploymentSpec, Target
from sluice_operator.resources.parsing import Invalid, Parsed, parse
from sluice_operator.resources.prices import Prices
from sluice_operator.resources.provider import ModelProvider, ModelProviderSpec, ProviderAccount

__all__ = [
    "Budget",
    "BudgetSpec",
    "Invalid",
    "Kind",
    "Limit",
    "Meta",
    "ModelDeployment",
    "ModelDeploymentSpec",
    "ModelProvider",
    "ModelProviderSpec",
    "NamespaceSelector",
    "ObjectRef",
    "Parsed",
    "Prices",
    "ProviderAccount",
    "Target",
    "VirtualKey",
    "VirtualKeySpec",
    "parse",
]
