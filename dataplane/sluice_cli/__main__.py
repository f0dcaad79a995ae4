"""The command line of ``sluice``.  Each command imports what it needs, so that serving carries nothing of compiling."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

EX_USAGE = 2
EX_BROKEN = 3  # nothing was written

app = typer.Typer(
    help="An LLM gateway: models, keys and budgets as manifests.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show values of variables, and some of those are secret
)
Manifests = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The folder with the manifests.")
]


@app.command()
def serve(
    directory: Manifests,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for calls.")] = 4000,
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="Port for health, metrics and figures.")] = 4001,
    data: Annotated[
        Path | None, typer.Option(help="Where counters, journal and generated keys are kept. [default: printed]")
    ] = None,
) -> None:
    """Serve the manifests in DIR on this machine: no cluster, no Redis.  Changes are in force within about a second."""
    from sluice_cli import serving
    from sluice_dataplane.settings import Settings, SettingsInvalidError

    places = serving.Places(directory, data or serving.default_data_dir(directory, os.environ))
    options = {
        "SLUICE_HOST": host,
        "SLUICE_PORT": str(port),
        "SLUICE_ADMIN_HOST": host,
        "SLUICE_ADMIN_PORT": str(admin_port),
        "SLUICE_SOURCE": "directory",
        "SLUICE_SOURCE_DIR": str(places.parts),
    }
    typer.echo(f"data in {places.data}", err=True)
    try:
        serving.serve(Settings.from_env({**os.environ, **options}), places)
    except (SettingsInvalidError, serving.InUseError, OSError) as error:
        typer.echo(f"sluice: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def compile(  # noqa: A001  # the command's name
    directory: Manifests,
    out: Annotated[Path, typer.Option(help="The folder to write the parts to; secrets are kept beside it.")],
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out what is broken, and exit 0 although something is not served.")
    ] = False,
    summary: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Compile the manifests in DIR once, and say what became of each.

    Exits 0 when all is served, 1 when something is not, 3 when a manifest is broken and so nothing was written.
    """
    import msgspec

    from sluice_cli.compiling import compile_directory
    from sluice_cli.report import report
    from sluice_cli.vault import Vault

    now_ms = time.time_ns() // 1_000_000
    vault = Vault(out.resolve().parent / "secrets")
    outcome = compile_directory(directory, out, vault, now_ms=now_ms, leave_out_broken=lenient)
    if summary is not None:
        facts = {"revision": outcome.revision, "next_change_ms": outcome.next_change_ms}
        summary.write_bytes(msgspec.json.encode(facts))
    typer.echo(report(outcome))
    if outcome.revision is None:
        raise typer.Exit(EX_BROKEN)
    if not (outcome.flawless or lenient):
        raise typer.Exit(1)


@app.command()
def usage(  # noqa: PLR0913, PLR0917  # its options
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True,
            allow_dash=True,
            help="Exported files (also .gz), journals, or folders of these; - for standard input.",
        ),
    ] = None,
    data_dir: Annotated[
        list[Path] | None,
        typer.Option(exists=True, file_okay=False, help="A data directory: its journal and its files."),
    ] = None,
    manifests: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="What `sluice serve DIR` keeps by default for this DIR."),
    ] = None,
    redis: Annotated[str, typer.Option(metavar="URL", help="A Redis, for its stream of records.")] = "",
    since: Annotated[str | None, typer.Option(help="Only calls admitted from then on: 2026-11, 2026-11-30.")] = None,
    until: Annotated[str | None, typer.Option(help="Only calls admitted before then.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="What to sum by, with commas between. [default: key]")] = None,
    format: Annotated[  # noqa: A002  # the option's name
        Literal["table", "csv", "json"], typer.Option(help="How to say it.")
    ] = "table",
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Compare every Budget's account in Redis with the replicas' journals.")
    ] = False,
) -> None:
    """Sum usage records, each once, however often and in however many places it is found.

    Exits 0 when all is there, 3 when records are missing in between, 4 when an input cannot be read.  With --reconcile:
    0 when all is equal, 1 when something differs, 3 when journals are missing that would be needed to tell.
    """
    from sluice_cli import usage as usages
    from sluice_cli.serving import default_data_dir

    data_dirs = [*(data_dir or ()), *([] if manifests is None else [default_data_dir(manifests, os.environ)])]
    inputs = usages.Inputs(paths=(*(paths or ()), *data_dirs), redis_url=redis)
    try:
        if reconcile:
            code = usages.reconcile(inputs, format)
        else:
            code = usages.summarize(inputs, usages.query(by or ["key"], since, until), format)
    except usages.UsageError as error:
        typer.echo(f"sluice: {error}", err=True)
        raise typer.Exit(EX_USAGE) from None
    raise typer.Exit(code)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    typer.echo(version_of("sluice-gateway"))


def main() -> None:
    """Run the command."""
    sys.exit(app())


if __name__ == "__main__":
    main()
