"""Reading a tree of manifests."""

from pathlib import Path

import pytest

from sluice_cli.documents import MAX_FILE_BYTES, Document, read_tree


def write(directory: Path, name: str, text: str) -> None:
    """Put *text* into a file under *directory*."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_every_document_is_found_with_its_place(tmp_path: Path) -> None:
    """Files are read in order through all folders, documents each with file and line; other files are not read."""
    write(tmp_path, "b.yaml", "# two\nkind: A\n---\n---\nkind: B\n")
    write(tmp_path, "a/deep/c.yml", "kind: C\n")
    write(tmp_path, "notes.txt", "kind: [")
    documents, problems = read_tree(tmp_path)

    assert problems == []
    assert documents == [
        Document("b.yaml:2", {"kind": "A"}),
        Document("b.yaml:5", {"kind": "B"}),
        Document("a/deep/c.yml:1", {"kind": "C"}),
    ]


@pytest.mark.parametrize("name", [".git/a.yaml", ".hidden.yaml", "..data/a.yaml", "x/.y/z.yaml"])
def test_hidden_is_left_out(tmp_path: Path, name: str) -> None:
    """Version control, editors' files and a kubelet's dated folders are not manifests."""
    write(tmp_path, name, "kind: [")

    assert read_tree(tmp_path) == ([], [])


def test_lists_are_taken_apart(tmp_path: Path) -> None:
    """What ``kubectl get -o yaml`` writes is read as the objects in it."""
    write(tmp_path, "l.yaml", "apiVersion: v1\nkind: List\nitems:\n- kind: A\n- kind: B\n")

    assert [document.content for document in read_tree(tmp_path)[0]] == [{"kind": "A"}, {"kind": "B"}]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("kind: A\nbad: [\n", 3, "did not find"),
        ("kind: A\n\tb: 1\n", 2, "found"),
        ("kind: A\nspec:\n  on: [Timeout]\n", 3, "'on': quote it"),
        ("kind: A\nspec: {1: x}\n", 2, "'1': quote it"),
        ("kind: A\nkind: B\n", 2, "'kind' is there twice"),
        ("a: *nobody\n", 1, "alias"),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "could not determine a constructor"),
    ],
)
def test_broken_file_is_a_problem_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    """What YAML cannot be, or would silently be read as something else, is said with file and line."""
    write(tmp_path, "x.yaml", text)
    documents, problems = read_tree(tmp_path)

    assert documents == []
    assert [problem.origin for problem in problems] == [f"x.yaml:{line}"]
    assert said in problems[0].message


def test_broken_file_gives_none_of_its_documents(tmp_path: Path) -> None:
    """Half of a file is not what somebody wrote; other files are read all the same."""
    write(tmp_path, "a.yaml", "kind: A\n---\nkind: [\n")
    write(tmp_path, "b.yaml", "kind: B\n")
    documents, problems = read_tree(tmp_path)

    assert [document.origin for document in documents] == ["b.yaml:1"]
    assert len(problems) == 1


def test_merged_keys_are_no_duplicates(tmp_path: Path) -> None:
    """A merge may be written over: that is what it is for."""
    write(tmp_path, "m.yaml", "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n")

    assert read_tree(tmp_path)[0][0].content["more"] == {"a": 1, "b": 3}


def test_moments_stay_text(tmp_path: Path) -> None:
    """An unquoted time is the text that stands there, as kubectl sends it."""
    write(tmp_path, "t.yaml", "expiresAt: 2027-01-01T00:00:00Z\n")

    assert read_tree(tmp_path)[0][0].content == {"expiresAt": "2027-01-01T00:00:00Z"}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \x00", b"\x80", b"[" * 5000])
def test_what_is_not_yaml_is_a_problem(tmp_path: Path, content: bytes) -> None:
    """Binary content and endless nesting are problems, never another exception."""
    (tmp_path / "x.yaml").write_bytes(content)

    assert [problem.origin.split(":")[0] for problem in read_tree(tmp_path)[1]] == ["x.yaml"]


def test_huge_file_is_not_read(tmp_path: Path) -> None:
    """A file over the limit is refused without being parsed."""
    with (tmp_path / "x.yaml").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    assert "larger than" in read_tree(tmp_path)[1][0].message


def test_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    """A link that leads nowhere is said; it is not as if it were not there."""
    (tmp_path / "x.yaml").symlink_to("nowhere")

    assert [str(problem) for problem in read_tree(tmp_path)[1]] == ["x.yaml: No such file or directory"]
