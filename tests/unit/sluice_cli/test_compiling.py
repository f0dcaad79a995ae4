"""One compilation of a directory."""

from pathlib import Path

import pytest

from sluice_cli.compiling import Outcome, compile_directory
from sluice_cli.vault import Vault
from sluice_contract import codec
from sluice_contract.snapshot import Snapshot

NOW_MS = 1_790_000_000_000
MODEL = """
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {name: echo}
spec: {targets: [{name: t, provider: {type: Echo}}], pricing: {free: true}}
"""
KEY = """
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {name: app}
spec: {}
"""
BUDGET = """
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {name: all}
spec: {limit: {unit: TotalTokens, amount: "5"}, period: {type: Once}, subject: {virtualKeySelector: {}}}
"""
BAD_KEY = KEY.replace("spec: {}", "spec: {unheardOf: 1}")
DANGLING = MODEL.replace("name: echo", "name: other").replace("provider: {type: Echo}", "providerRef: {name: nobody}")


class Place:
    """A folder of manifests and what is made of it."""

    def __init__(self, root: Path) -> None:
        self.manifests, self.data = root / "manifests", root / "data"
        self.manifests.mkdir()
        self.parts = self.data / "parts"

    def write(self, **files: str) -> None:
        """Make these the manifests, besides those that are there."""
        for name, text in files.items():
            (self.manifests / f"{name}.yaml").write_text(text)

    def compile(self, *, lenient: bool = False) -> Outcome:
        """Compile what is there."""
        vault = Vault(self.data / "secrets")
        return compile_directory(self.manifests, self.parts, vault, now_ms=NOW_MS, leave_out_broken=lenient)

    def snapshot(self) -> Snapshot:
        """What a data plane would read."""
        parts = {path.name: path.read_bytes() for path in self.parts.iterdir()}
        return codec.decode(codec.decode_index(parts[codec.INDEX]), parts)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder."""
    return Place(tmp_path)


def test_manifests_become_a_snapshot(place: Place) -> None:
    """What was declared can be read by a data plane, under the revision that is reported."""
    place.write(model=MODEL, key=KEY)
    outcome = place.compile()

    assert outcome.flawless
    assert [model.name for model in place.snapshot().models] == ["echo"]
    assert outcome.revision == codec.revision_of((place.parts / codec.INDEX).read_bytes())


def test_wanted_key_is_made_and_proves_itself(place: Place) -> None:
    """A generated key is in a file after the first compilation, and its digest is in that same snapshot."""
    place.write(key=KEY)
    outcome = place.compile()
    (key,) = place.snapshot().keys

    assert len(key.digests) == 1
    assert [path.name for path in outcome.key_files.values()] == ["api-key"]
    assert next(iter(outcome.key_files.values())).read_text().startswith(f"sk-{key.id}-")


@pytest.mark.parametrize("budget", [BUDGET, BUDGET.replace("{name: all", "{name: all, uid: u-1")])
def test_a_budget_whose_unit_is_changed_begins_anew(place: Place, budget: str) -> None:
    """Tokens that were spent are never read as requests: each unit has an id of its own, and keys spend from it."""
    changes = ("", ""), ('"5"', '"7"'), ("TotalTokens", "Requests"), ("TotalTokens", "Requests")
    ids = []
    for old, new in changes:
        place.write(key=KEY, budget=budget.replace(old, new))
        assert place.compile().flawless
        (found,), (spender,) = place.snapshot().budgets, place.snapshot().keys
        assert spender.budget_ids == (found.id,)
        ids.append(found.id)

    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_compiling_again_changes_nothing(place: Place) -> None:
    """The same manifests give the same revision and the same key, and no file is written anew."""
    place.write(model=MODEL, key=KEY)
    first = place.compile()
    inodes = {path.name: path.stat().st_ino for path in place.parts.iterdir()}
    second = place.compile()

    assert second.revision == first.revision
    assert {path.name: path.stat().st_ino for path in place.parts.iterdir()} == inodes


@pytest.mark.parametrize("broken", ["kind: [", BAD_KEY, KEY + "---" + KEY])
def test_broken_manifest_keeps_the_last_good(place: Place, broken: str) -> None:
    """While one file is broken nothing is written: a key in it is not revoked by a slip of the pen."""
    place.write(model=MODEL, key=KEY)
    place.compile()
    before = place.snapshot()
    place.write(key=broken)
    (place.manifests / "model.yaml").unlink()
    outcome = place.compile()

    assert outcome.revision is None
    assert outcome.problems[0].origin.startswith("key.yaml")
    assert place.snapshot() == before


def test_leniency_leaves_out_what_is_broken(place: Place) -> None:
    """When asked to, the rest is compiled, and what was left out is still said."""
    place.write(model=MODEL, key=BAD_KEY)
    outcome = place.compile(lenient=True)

    assert [model.name for model in place.snapshot().models] == ["echo"]
    assert outcome.warnings[0].origin == "key.yaml:2"


def test_what_dangles_is_said_and_the_rest_served(place: Place) -> None:
    """A reference to nothing is a verdict, as in a cluster: it takes nothing else down."""
    place.write(model=MODEL, other=DANGLING)
    outcome = place.compile()

    assert outcome.revision is not None
    assert not outcome.flawless
    assert "echo" in [model.name for model in place.snapshot().models]


def test_removed_key_is_gone(place: Place) -> None:
    """Deleting a manifest revokes its key."""
    place.write(model=MODEL, key=KEY)
    place.compile()
    (place.manifests / "key.yaml").unlink()
    place.compile()

    assert place.snapshot().keys == ()


def test_suspended_key_is_no_flaw(place: Place) -> None:
    """What was switched off on purpose is not an error."""
    place.write(key=KEY.replace("spec: {}", "spec: {suspended: true}"))

    assert place.compile().flawless


def test_secret_that_cannot_be_kept_is_a_problem(place: Place) -> None:
    """When a generated key cannot be written, that is said and nothing is published."""
    place.write(key=KEY)
    place.data.mkdir()
    (place.data / "secrets").write_text("in the way")
    outcome = place.compile()

    assert outcome.revision is None
    assert "secrets" in outcome.problems[0].message


def test_index_is_written_last(place: Place) -> None:
    """When a part cannot be written, the index is still the one before: a reader never sees half of a change."""
    place.write(model=MODEL)
    place.compile()
    before = (place.parts / codec.INDEX).read_bytes()
    (place.parts / codec.CREDENTIALS).unlink()
    (place.parts / codec.CREDENTIALS).mkdir()
    place.write(key=KEY)
    outcome = place.compile()

    assert outcome.revision is None
    assert "directory" in outcome.problems[0].message
    assert (place.parts / codec.INDEX).read_bytes() == before


def test_nobody_else_reads_the_parts(place: Place) -> None:
    """Parts hold credentials: files are 0600."""
    place.write(model=MODEL)
    place.compile()

    assert {path.stat().st_mode & 0o777 for path in place.parts.iterdir()} == {0o600}


BOOK = """
apiVersion: v1
kind: ConfigMap
metadata: {name: %s, labels: {sluice.dev/price-book: "true"}}
data:
  prices.yaml: |
    - {provider: "*", model: "*", pricing: {inputPerMillion: "%s", outputPerMillion: "1"}}
"""


def test_price_books_of_the_folder_price_and_conflicts_are_said(place: Place) -> None:
    """A book prices what has no price of its own; what a later one says otherwise is a warning where it stands."""
    place.write(model=MODEL.replace(", pricing: {free: true}", ""), a=BOOK % ("a", 7), b=BOOK % ("b", 8))
    outcome = place.compile()

    price = place.snapshot().models[0].targets[0].price
    assert price is not None
    assert price.input_nusd_per_mtok == 7_000_000_000
    (warning,) = outcome.warnings
    assert warning.origin == "b.yaml:2"
    assert "default/a has other prices" in warning.message


def test_broken_price_book_keeps_the_last_good_parts(place: Place) -> None:
    """A book with a bad entry is a broken manifest: the entry is named, and nothing is written."""
    place.write(model=MODEL.replace(", pricing: {free: true}", ""), book=BOOK % ("a", 7))
    before = place.compile()
    place.write(book=(BOOK % ("a", 8)).replace('"1"', "1"))
    outcome = place.compile()

    assert before.revision is not None
    assert outcome.revision is None
    assert "entry 1 (*, *): pricing.outputPerMillion" in str(outcome.problems[0])
    assert place.snapshot().models[0].targets[0].price
