"""``sluice serve DIR``: the command as people run it, on the quickstart's manifests."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from support.served import DEADLINE_SECONDS, Served, eventually, ready, serving

ROOT = Path(__file__).parents[3]


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """A copy of the quickstart."""
    return Path(shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "manifests"))


def test_quickstart_answers_and_limits(manifests: Path, tmp_path: Path) -> None:
    """The quickstart's keys are made and work, a wrong one does not, the trial key's fourth call is refused."""
    with serving(manifests, tmp_path / "data") as served:
        answer = served.chat(served.key("app"))
        wrong = served.chat("sk-wrong")
        trials = [served.chat(served.key("trial")).status_code for _ in range(4)]

    assert answer.status_code == 200
    assert answer.json()["usage"]["total_tokens"] > 0
    assert wrong.status_code == 401
    assert trials == [200, 200, 200, 429]


def test_budget_holds_across_a_restart(manifests: Path, tmp_path: Path) -> None:
    """The month's two cents are spent once: what was spent before a restart is still spent after it."""
    with serving(manifests, tmp_path / "data") as served:
        key = served.key("app")
        first = [served.chat(key).status_code for _ in range(10)]
    with serving(manifests, tmp_path / "data") as served:
        assert served.key("app") == key
        second = [served.chat(key) for _ in range(25)]
    codes = first + [answer.status_code for answer in second]

    assert first == [200] * 10
    assert 15 <= codes.count(200) <= 20
    assert codes[-1] == 429
    assert json.loads(second[-1].content)["error"]["code"] == "insufficient_quota"


def test_edit_is_in_force_while_it_serves(manifests: Path, tmp_path: Path) -> None:
    """A renamed model, a suspended key and a new key are in force soon after the file was written: no restart."""
    with serving(manifests, tmp_path / "data") as served:
        app, trial = served.key("app"), served.key("trial")
        served.edit("model.yaml", "modelName: echo ", "modelName: parrot ")
        renamed = eventually(lambda: served.chat(app, "parrot").status_code == 200)
        served.edit("key.yaml", "owner: {team: research}", "suspended: true")
        revoked = eventually(lambda: served.chat(trial, "parrot").status_code == 401)
        (served.manifests / "more.yaml").write_text(
            "apiVersion: sluice.dev/v1alpha1\nkind: VirtualKey\nmetadata: {name: more}\nspec: {}\n"
        )
        added = eventually(
            lambda: (
                (served.data / "secrets/default/more-key/api-key").is_file()
                and served.chat(served.key("more"), "parrot").status_code == 200
            )
        )
        unknown = served.chat(app, "echo").status_code
    sys.stdout.write(f"\nin force after {renamed:.2f} s (model), {revoked:.2f} s (revoked), {added:.2f} s (new key)\n")

    assert unknown == 404
    assert max(renamed, revoked, added) < 15


def test_broken_manifest_keeps_the_last_good(manifests: Path, tmp_path: Path) -> None:
    """A slip in a file is told with its name and line; everything goes on as before, and the mended file is taken."""
    with serving(manifests, tmp_path / "data") as served:
        key = served.key("app")
        good = (manifests / "key.yaml").read_text()
        served.until_said("admin on")
        (manifests / "key.yaml").write_text(good.replace("limits:", "limit:", 1))
        told = served.until_said("nothing was written")
        during = served.chat(key).status_code
        (manifests / "key.yaml").write_text(good)
        served.until_said("4 of 4 resources served")
        after = served.chat(key).status_code

    assert "key.yaml:2: VirtualKey app: spec.limit: unknown field" in told
    assert (during, after) == (200, 200)


def test_broken_from_the_start_serves_nothing_until_mended(manifests: Path, tmp_path: Path) -> None:
    """With nothing good to fall back on it is not ready, and says why; once mended it serves."""
    good = (manifests / "key.yaml").read_text()
    (manifests / "key.yaml").write_text("kind: [")
    served = Served(manifests, tmp_path / "data")
    try:
        told = served.until_said("serving")
        before = ready(served)
        (manifests / "key.yaml").write_text(good)
        eventually(lambda: ready(served))
        after = served.chat(served.key("app")).status_code
    finally:
        served.kill()

    assert "error: key.yaml:" in told
    assert (before, after) == (False, 200)


def test_taken_port_is_said(manifests: Path, tmp_path: Path) -> None:
    """A port that somebody else has is one line and an exit, not a traceback."""
    with serving(manifests, tmp_path / "data") as served:
        second = Served(manifests, tmp_path / "other", port=served.port)
        code = second.process.wait(DEADLINE_SECONDS)
        told = second.stderr.read().decode()
        second.kill()

    assert code == 1
    assert "address already in use" in told
    assert "Traceback" not in told


def test_second_gateway_on_the_same_data_is_refused(manifests: Path, tmp_path: Path) -> None:
    """Two processes would each spend the budgets: the second is told where the first's data is, and ends."""
    with serving(manifests, tmp_path / "data") as served:
        second = Served(manifests, served.data)
        code = second.process.wait(DEADLINE_SECONDS)
        told = second.stderr.read().decode()
        second.kill()

    assert code == 1
    assert "in use by another sluice serve" in told
