"""How the scripts are put together."""

from sluice_dataplane.limits.scripts import Script, Scripts


def test_each_script_asks_for_the_time_in_one_place() -> None:
    """Time is Redis's own, asked for once; what stands in for it in a simulation has one place to stand."""
    assert all(script.text.count("redis.call('TIME')") == 1 for script in Scripts.load().all())


def test_only_the_greeting_asks_who_the_server_is() -> None:
    """The server's run id has one place too."""
    scripts = Scripts.load()
    asking = [script for script in scripts.all() if "run_id" in script.text]

    assert asking == [scripts.hello]
    assert scripts.hello.text.count("local function run_id() return ") == 1


def test_what_tells_redis_how_to_run_a_script_is_its_first_line() -> None:
    """A settlement is counted without memory to spare, and a checkpoint promises to write nothing."""
    scripts = Scripts.load()
    first = {name: getattr(scripts, name).text.partition("\n")[0] for name in Scripts.__struct_fields__}

    assert first.pop("checkpoint") == "#!lua flags=no-writes"
    assert not first.pop("reserve").startswith("#!")
    assert set(first.values()) == {"#!lua flags=allow-oom"}


def test_a_script_is_known_by_the_digest_of_its_text() -> None:
    """EVALSHA names what SCRIPT LOAD was given."""
    script = Script.of("return 1")

    assert script.sha == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    assert script.command(["k"], ["a", 1, b"x"]) == ("EVALSHA", script.sha, 1, "k", "a", 1, b"x")
