"""Snapshot ⇄ parts ⇄ bytes."""

import random
import zlib
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract import codec
from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.quirks import NEW_CEILING
from sluice_contract.snapshot import (
    KEY_SHARD_COUNT,
    SCHEMA,
    Budget,
    Credentials,
    Digest,
    Key,
    Limit,
    Model,
    Owner,
    Price,
    Rates,
    Snapshot,
    Target,
    Tariff,
    Tier,
    Upstream,
)
from sluice_contract.windows import Period


def key(n: int) -> Key:
    """A key with something in most of its fields."""
    return Key(
        id=f"vk{n}",
        namespace="team-a",
        name=f"key-{n}",
        digests=(Digest(id="c1", algorithm="sha256", hex=f"{n:064x}"),),
        owner=Owner(team="payments", labels={"z": "1", "a": "2"}),
        allow=("gpt-*",),
        limits=(Limit(name="rpm", unit="Requests", amount=60, window_ms=60_000, burst=60),),
    )


SNAPSHOT = Snapshot(
    models=(
        Model(
            name="gpt",
            uid="u1",
            namespace="team-a",
            resource="gpt",
            targets=(Target(name="t", upstream_id="up", price=Price(version="v1", input_nusd_per_mtok=150_000_000)),),
        ),
    ),
    upstreams=(Upstream(id="up", type="OpenAI", provider_name="openai", headers={"b": "1", "a": "2"}),),
    budgets=(Budget(id="b", namespace="team-a", name="month", unit="Cost", amount=50, period=Period(unit="Month")),),
    keys=tuple(key(n) for n in range(100)),
    credentials=Credentials(values={"c": "sk-very-secret"}, pepper_hex="00ff"),
)
PARTS = codec.encode(SNAPSHOT)


def decoded(parts: Mapping[str, bytes]) -> Snapshot:
    """What a reader gets from *parts*."""
    return codec.decode(codec.decode_index(parts[codec.INDEX]), parts)


def with_part(name: str, data: bytes) -> dict[str, bytes]:
    """PARTS with *data* as part *name*, and an index that names it: damage that only its content shows."""
    index = msgspec.json.decode(PARTS[codec.INDEX])
    index["parts"][name] = codec.digest(data)
    return {**PARTS, name: data, codec.INDEX: msgspec.json.encode(index)}


def ordered(snapshot: Snapshot) -> Snapshot:
    """*snapshot* with its keys by id: the order of shards is not the order of keys."""
    return msgspec.structs.replace(snapshot, keys=tuple(sorted(snapshot.keys, key=lambda each: each.id)))


def test_what_is_written_is_what_is_read() -> None:
    """Every field of every value comes back as it was."""
    assert ordered(decoded(PARTS)) == ordered(SNAPSHOT)


def test_empty_snapshot_is_whole() -> None:
    """A cluster without any resource has a snapshot too: all parts, no content."""
    parts = codec.encode(Snapshot())

    assert set(parts) == {*codec.PARTS, codec.INDEX}
    assert decoded(parts) == Snapshot()


def test_equal_content_is_equal_bytes() -> None:
    """Maps in another order are the same snapshot, byte for byte, so that nothing is written that did not change."""
    upstream = msgspec.structs.replace(SNAPSHOT.upstreams[0], headers={"a": "2", "b": "1"})
    same = msgspec.structs.replace(SNAPSHOT, upstreams=(upstream,))

    assert codec.encode(same) == PARTS


def test_format_on_the_wire_is_fixed() -> None:
    """What an older data plane reads is written here: where this must change, SCHEMA changes too."""
    key_ = Key(id="k", namespace="n", name="x", digests=(Digest(id="c1", algorithm="sha256", hex="00"),))
    parts = codec.encode(Snapshot(keys=(key_,)))

    assert zlib.decompress(parts[codec.MODELS]) == b'{"models":[],"upstreams":[]}'
    assert zlib.decompress(parts[codec.BUDGETS]) == b"[]"
    assert zlib.decompress(parts[codec.CREDENTIALS]) == b"{}"
    assert zlib.decompress(parts[codec.shard_of("k")]) == (
        b'[{"id":"k","namespace":"n","name":"x","digests":[{"id":"c1","algorithm":"sha256","hex":"00"}]}]'
    )
    assert parts[codec.INDEX].startswith(b'{"schema":3,"parts":{"budgets":"')


def test_format_of_money_on_the_wire_is_fixed() -> None:
    """What prices and Budgets look like in the bytes; what has its default is not there."""
    rates = Rates(input_nusd_per_mtok=3, output_nusd_per_mtok=4, audio_input_nusd_per_mtok=5)
    price = Price(
        version="v",
        input_nusd_per_mtok=1,
        output_nusd_per_mtok=2,
        reasoning_nusd_per_mtok=0,
        tiers=(Tier(over_input_tokens=200_000, rates=rates),),
        services={"flex": Tariff(rates=Rates(input_nusd_per_mtok=6), request_nusd=7)},
    )
    model = Model(name="m", uid="u", namespace="n", resource="m", targets=(Target(name="t", price=price),))
    budget = Budget(
        id="b", namespace="n", name="x", unit="Cost", amount=5, period=Period(rolling_ms=60_000),
        on_exhausted="Downgrade", downgrade_model="m", downgrade_percent=80,
    )  # fmt: skip
    parts = codec.encode(Snapshot(models=(model,), budgets=(budget,)))

    assert zlib.decompress(parts[codec.MODELS]) == (
        b'{"models":[{"name":"m","uid":"u","namespace":"n","resource":"m","targets":[{"name":"t","price":{'
        b'"input_nusd_per_mtok":1,"output_nusd_per_mtok":2,"reasoning_nusd_per_mtok":0,"version":"v",'
        b'"tiers":[{"over_input_tokens":200000,"rates":'
        b'{"input_nusd_per_mtok":3,"output_nusd_per_mtok":4,"audio_input_nusd_per_mtok":5}}],'
        b'"services":{"flex":{"rates":{"input_nusd_per_mtok":6},"request_nusd":7}}}}]}],"upstreams":[]}'
    )
    assert zlib.decompress(parts[codec.BUDGETS]) == (
        b'[{"id":"b","namespace":"n","name":"x","unit":"Cost","amount":5,"period":{"rolling_ms":60000},'
        b'"on_exhausted":"Downgrade","downgrade_percent":80,"downgrade_model":"m"}]'
    )


def test_schema_before_is_read_as_it_was_meant() -> None:
    """A snapshot of schema 2 is read; where every upstream spoke OpenAI's three calls."""
    written = (
        b'{"models":[],"upstreams":[{"id":"a","type":"OpenAI","provider_name":"openai"},'
        b'{"id":"b","type":"VLLM","provider_name":"vllm"}]}'
    )
    parts = with_part("models", zlib.compress(written))
    index = msgspec.json.decode(parts[codec.INDEX])
    parts[codec.INDEX] = msgspec.json.encode({**index, "schema": 2})

    upstreams = decoded(parts).upstreams
    assert [upstream.quirks for upstream in upstreams] == [(NEW_CEILING,), ()]
    assert [sorted(upstream.paths) for upstream in upstreams] == [["chat", "completions", "embeddings"]] * 2


def test_budget_that_says_nothing_leases() -> None:
    """In this schema the default is the slice that each replica holds."""
    assert decoded(PARTS).budgets[0].failure_mode == "Lease"


@given(n=st.integers(0, 99))
def test_changing_one_key_rewrites_one_shard_and_the_index(n: int) -> None:
    """A revoked key costs one Secret and the index; every other object stays as it is."""
    keys = list(SNAPSHOT.keys)
    keys[n] = msgspec.structs.replace(keys[n], suspended=True)
    parts = codec.encode(msgspec.structs.replace(SNAPSHOT, keys=tuple(keys)))

    assert {name for name in parts if parts[name] != PARTS[name]} == {codec.shard_of(f"vk{n}"), codec.INDEX}


def test_any_change_changes_the_revision() -> None:
    """The digest of the index stands for the whole."""
    other = codec.encode(msgspec.structs.replace(SNAPSHOT, credentials=Credentials()))

    assert codec.revision_of(other[codec.INDEX]) != codec.revision_of(PARTS[codec.INDEX])


def test_keys_spread_over_all_shards() -> None:
    """Of many keys no shard holds far more than its share."""
    counts = dict.fromkeys(codec.KEY_SHARDS, 0)
    for n in range(16_000):
        counts[codec.shard_of(f"vk{n:x}")] += 1

    assert len(counts) == KEY_SHARD_COUNT
    assert max(counts.values()) < 2 * 16_000 / KEY_SHARD_COUNT


def test_secrets_are_in_secret_parts_only() -> None:
    """Neither a credential nor a key's digest is in a part that is kept in a ConfigMap."""
    public = b"".join(
        data if name == codec.INDEX else zlib.decompress(data)
        for name, data in PARTS.items()
        if name not in codec.SECRET_PARTS
    )

    assert b"sk-very-secret" not in public
    assert b"00ff" not in public
    assert f"{7:064x}".encode() not in public


@pytest.mark.parametrize("name", codec.PARTS)
def test_absent_part_is_said(name: str) -> None:
    """A part that the index names and nobody has is an error that names it; nothing is half read."""
    with pytest.raises(SnapshotInvalidError, match=f"{name}: named by the index but not there"):
        decoded({part: data for part, data in PARTS.items() if part != name})


@pytest.mark.parametrize("name", codec.PARTS)
def test_part_of_another_revision_is_refused(name: str) -> None:
    """A well-formed part whose digest is not the one named is not mixed in."""
    with pytest.raises(SnapshotInvalidError, match=f"{name}: its digest"):
        decoded({**PARTS, name: zlib.compress(b"[]")})


@given(at=st.integers(0), value=st.integers(0, 255), name=st.sampled_from(codec.PARTS))
def test_flipped_byte_is_found(at: int, value: int, name: str) -> None:
    """One byte changed anywhere in a part is found by its digest."""
    data = bytearray(PARTS[name])
    at %= len(data)
    value = value if value != data[at] else value ^ 1
    data[at] = value

    with pytest.raises(SnapshotInvalidError):
        decoded({**PARTS, name: bytes(data)})


@pytest.mark.parametrize("data", [b"", b"not deflated", PARTS["models"][:-5], zlib.compress(b""), zlib.compress(b"{")])
def test_damaged_part_is_refused_although_the_index_names_it(data: bytes) -> None:
    """What was damaged before it was named is an error too, and never any other exception."""
    with pytest.raises(SnapshotInvalidError, match="models: "):
        decoded(with_part("models", data))


def test_part_that_inflates_without_end_is_refused() -> None:
    """A small part that would fill the memory is cut off at the limit."""
    bomb = zlib.compress(b" " * (codec.MAX_INFLATED_BYTES + 1), level=9)

    with pytest.raises(SnapshotInvalidError, match="holds more than"):
        decoded(with_part("budgets", bomb))


@pytest.mark.parametrize(
    "content",
    [
        b'[{"id":"vk1","namespace":"a","name":"b","unheardOf":1}]',
        b'[{"id":"vk1","namespace":"a"}]',
        b'[{"id":1,"namespace":"a","name":"b"}]',
        b'{"id":"vk1"}',
        b"null",
        b'["' + b"[" * 5000,
    ],
)
def test_part_of_another_shape_is_refused(content: bytes) -> None:
    """Unknown fields, absent fields and other types are errors: an old reader never guesses at a new format."""
    with pytest.raises(SnapshotInvalidError, match="keys-03: "):
        decoded(with_part("keys-03", zlib.compress(content)))


def test_error_about_a_secret_part_quotes_no_secret() -> None:
    """Neither the message nor its cause holds what was in the credentials."""
    content = zlib.compress(b'{"values": {"c": ["sk-very-secret"]}}')

    with pytest.raises(SnapshotInvalidError) as caught:
        decoded(with_part("credentials", content))

    assert "sk-very-secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_credentials_do_not_print() -> None:
    """The value that holds every provider credential shows how many there are and nothing else."""
    assert "sk-very-secret" not in repr(SNAPSHOT)
    assert "00ff" not in repr(SNAPSHOT.credentials)


@pytest.mark.parametrize("schema", [0, -1, SCHEMA + 1])
def test_unknown_schema_is_refused(schema: int) -> None:
    """A snapshot of a format we do not know is not read, and the message says which formats we do."""
    index = msgspec.json.encode({**msgspec.json.decode(PARTS[codec.INDEX]), "schema": schema})

    with pytest.raises(
        SnapshotInvalidError, match=f"schema {schema} is not readable here; this reader knows .*{SCHEMA}"
    ):
        codec.decode_index(index)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"schema":1}', b'{"schema":"1","parts":{}}'])
def test_malformed_index_is_refused(data: bytes) -> None:
    """Whatever is in the place of the index, the error is ours and names it."""
    with pytest.raises(SnapshotInvalidError, match="index: "):
        codec.decode_index(data)


def test_index_must_name_every_part() -> None:
    """An index without a shard would lose its keys' revocations; it is refused and says what it lacks."""
    index = msgspec.json.decode(PARTS[codec.INDEX])
    del index["parts"]["keys-05"]

    with pytest.raises(SnapshotInvalidError, match="does not name keys-05"):
        codec.decode_index(msgspec.json.encode(index))


def test_more_than_was_named_does_no_harm() -> None:
    """Old parts that are still held are passed over."""
    assert decoded({**PARTS, "keys-99": b"?"}) == decoded(PARTS)


def test_part_too_large_for_an_object_is_refused_by_name() -> None:
    """What no object could hold is refused before anything is written, naming the part."""
    noise = random.Random(1).randbytes(codec.MAX_PART_BYTES).hex()
    huge = msgspec.structs.replace(SNAPSHOT, credentials=Credentials(values={"c": noise * 2}))

    with pytest.raises(SnapshotInvalidError, match=r"credentials: \d+ bytes is over"):
        codec.encode(huge)


def test_ten_thousand_keys_fit() -> None:
    """Sixteen shards hold ten thousand keys with room to spare."""
    parts = codec.encode(Snapshot(keys=tuple(key(n) for n in range(10_000))))

    assert max(len(parts[shard]) for shard in codec.KEY_SHARDS) < codec.MAX_PART_BYTES / 4
