"""The command ``voxtral``: translate, serve, verify, profile, report, apply-review, doctor, dashboards.

Everything heavy (Ray, torch, transformers) is imported inside the commands, so that ``--help`` is instant.
Results go to stdout, messages to stderr. Exit codes: 0 all done; 1 something failed or is left; 2 the command
was not right; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ray_apps.cli_feedback import get_feedback

COMMANDS = (
    "translate",
    "verify",
    "profile",
    "report",
    "apply-review",
    "doctor",
    "benchmark",
    "serve",
    "serve-key",
    "dashboards",
)
OUR_PACKAGES = {"ray_apps", "pipelines", "b200_kernels", "quality", "cluster"}
"""Errors of their own classes are written for the user; all others are not."""
DONE, INCOMPLETE, USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="voxtral",
    help="Archives of speech in, subtitles in another language out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Quality = StrEnum("Quality", ["low", "medium", "high", "max"])
Engine = StrEnum("Engine", ["auto", "compiled", "vllm", "reference"])
Shape = StrEnum("Shape", ["mini-3b", "small-24b"])
Dtype = StrEnum("Dtype", ["auto", "float32", "bf16x3", "bfloat16", "float16", "fp8", "mxfp8", "nvfp4"])
Cache = StrEnum("Cache", ["auto", "fp8"])

JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here too.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def main(arguments: list[str] | None = None) -> None:
    """Entry point; exits with one of the codes above."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no é must not end a job
    app(args=arguments, prog_name="voxtral")


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        try:
            typer.echo(f"voxtral-b200 {metadata.version('voxtral-b200')}")
        except metadata.PackageNotFoundError:
            typer.echo("voxtral-b200 (run from its source, not installed)")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Archives of speech in, subtitles in another language out."""


@app.command()
def translate(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT...", help="Folders, globs, files, URLs, or lists of them."),
    ] = None,
    target_lang: Annotated[
        list[str] | None,
        typer.Option("--target-lang", "-t", help="Language of the subtitles; several: a,b."),
    ] = None,
    source_lang: Annotated[
        str | None, typer.Option("--source-lang", "-s", help="Spoken language; without it, it is identified.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Output folder or URL.", show_default="./subtitles")
    ] = None,
    quality: Annotated[
        Quality | None,
        typer.Option(help="Effort spent on doubtful texts.", show_default="medium"),
    ] = None,
    check_meaning: Annotated[
        bool, typer.Option("--check-meaning", help="Compare what source and translation mean; needs [similarity].")
    ] = False,
    glossary: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Terms and what to call them in the target language.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Hub id, folder, URL or `embedded`; else by the hardware.")] = None,
    engine: Annotated[Engine | None, typer.Option(help="What runs the model.", show_default="auto")] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="Number format of the model.", show_default="by hardware")] = None,
    kv_cache: Annotated[
        Cache | None, typer.Option(help="Number format of keys and values.", show_default="the model's")
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Answers that do not depend on their neighbours; slower.")
    ] = False,
    formats: Annotated[
        str | None,
        typer.Option(help="Files for each medium; also ass, ssa, ttml.", metavar="LIST", show_default="srt,vtt,json"),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="How subtitles look: netflix, bbc, ted, arcom, ...", metavar="NAME", show_default="netflix"),
    ] = None,
    bilingual: Annotated[bool, typer.Option("--bilingual", help="What was said, beneath the translation.")] = False,
    ass_style: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ASS file whose styles ass and ssa files take.")
    ] = None,
    mux: Annotated[
        bool, typer.Option("--mux", help="Also a copy of each medium with its subtitles as soft tracks.")
    ] = False,
    address: Annotated[str | None, typer.Option(help="An existing Ray cluster; else one on this machine.")] = None,
    min_actors: Annotated[int | None, typer.Option(min=1, help="Models at work, at least.")] = None,
    max_actors: Annotated[int | None, typer.Option(min=1, help="Models at work, at most.")] = None,
    audio_stream: Annotated[
        int | None, typer.Option(min=0, help="Index of the audio stream, where a medium has several.")
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Try again what an earlier run gave up on.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML file with settings; flags go before it.")
    ] = None,
    json_file: JsonFile = None,
    debug: Debug = False,
) -> None:
    """Translate media; run again, it does what is missing."""
    flags = {
        "inputs": inputs,
        "targets": target_lang,
        "source": source_lang,
        "out": out,
        "quality": quality and quality.value,
        "meaning": check_meaning or None,
        "glossary": glossary,
        "model": model,
        "engine": engine and engine.value,
        "dtype": dtype and dtype.value,
        "kv_cache": kv_cache and kv_cache.value,
        "deterministic": deterministic or None,
        "formats": formats,
        "profile": profile,
        "bilingual": bilingual or None,
        "ass_style": ass_style,
        "mux": mux or None,
        "address": address,
        "min_actors": min_actors,
        "max_actors": max_actors,
        "audio_stream": audio_stream,
        "retry_errors": retry_errors or None,
    }
    _exit_with(lambda: _plan(flags, config, json_file) if dry_run else _run(flags, config, json_file), debug)


@app.command()
def verify(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Output folder of a run.")],
    json_file: JsonFile = None,
    debug: Debug = False,
) -> None:
    """Compare a run's list of media with its output; exit 1 on anything lost, doubled or unaccounted for."""
    _exit_with(lambda: _verify(out, json_file), debug)


@app.command()
def profile(
    out: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="Output folder of a run; else what runs on a cluster now.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="The Ray cluster to look at.", show_default="this machine's")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Which profile of the cluster.", show_default="the newest run's")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once; else it is renewed until Ctrl-C.")] = False,
    json_file: JsonFile = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write a Chrome trace: every stage on every actor.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw who did what when.")] = None,
    debug: Debug = False,
) -> None:
    """Where the time of a run goes, over all its actors: while it runs, or from its output folder."""
    _exit_with(lambda: _profile(out, address, name, once, (json_file, trace, picture)), debug)


@app.command()
def report(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Output folder of a run.")],
    page: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.html", show_default="report.html in OUT")
    ] = None,
    json_file: JsonFile = None,
    debug: Debug = False,
) -> None:
    """One HTML page on a run: what was done, how fast, how good, what went wrong and what to do about it."""
    _exit_with(lambda: _report(out, page, json_file), debug)


@app.command()
def apply_review(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Output folder of a run.")],
    reviews: Annotated[list[Path], typer.Argument(metavar="REVIEW.csv...", help="Review files with corrections.")],
    json_file: JsonFile = None,
    debug: Debug = False,
) -> None:
    """Take corrected review files back: their cues change in every format, and all others stay."""
    _exit_with(lambda: _apply_review(out, reviews, json_file), debug)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="The model that you mean to use.")] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="The output folder that you mean to use.")] = "subtitles",
    json_file: JsonFile = None,
    debug: Debug = False,
) -> None:
    """What this machine has, and what would run on it."""
    _exit_with(lambda: _doctor(model, out, json_file), debug)


@app.command()
def benchmark(
    media: Annotated[
        str | None,
        typer.Argument(metavar="[MEDIUM]", help="What to hear; else sentences unknown to the embedded model."),
    ] = None,
    source_lang: Annotated[str, typer.Option("--source-lang", help="Spoken language.")] = "Turkish",
    target_lang: Annotated[str, typer.Option("--target-lang", help="Language to translate to.")] = "French",
    model: Annotated[str, typer.Option(help="Hub id, folder, URL or `embedded`.")] = "embedded",
    windows: Annotated[
        int | None, typer.Option(min=1, help="Windows to hear, at most.", show_default="200; with --shape 1024")
    ] = None,
    engines: Annotated[
        str, typer.Option(metavar="LIST", help="Contenders, in this order.")
    ] = "reference,reference-batched,vllm,compiled,compiled-bf16x3",
    dtype: Annotated[
        Dtype | None,
        typer.Option(help="Number format of the model.", show_default="float32; with --shape by the hardware"),
    ] = None,
    kv_cache: Annotated[Cache, typer.Option(help="Number format of keys and values, with --shape.")] = Cache.auto,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of each; else all cores.")] = None,
    kernels: Annotated[bool, typer.Option("--kernels", help="The kernels instead, each beside its reference.")] = False,
    shape: Annotated[
        Shape | None,
        typer.Option(help="A published size with random weights instead.", show_default=False),
    ] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw the speeds.")] = None,
    json_file: JsonFile = None,
    debug: Debug = False,
) -> None:
    """The engines side by side on this machine: speed, memory, whether they agree, and how far the limit is."""

    def run() -> int:
        from ray_apps import cli_benchmark

        _check_json_file(json_file)
        if kernels:
            return cli_benchmark.run_kernels(json_file)
        if shape is not None:
            of_shape = windows, (dtype or Dtype.auto).value, kv_cache.value
            return cli_benchmark.run_shape(shape.value, *of_shape, json_file)
        return cli_benchmark.run(
            media,
            source_lang,
            target_lang,
            model,
            windows or 200,
            engines,
            (dtype or Dtype.float32).value,
            threads,
            picture,
            json_file,
        )

    _exit_with(run, debug)


@app.command()
def serve(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A serve_config.yaml; flags go before it.", show_default="none")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, show_default="8000")] = None,
    model: Annotated[str | None, typer.Option(help="Hub id, folder, URL or `embedded`; else by the hardware.")] = None,
    source_lang: Annotated[
        str | None, typer.Option("--source-lang", "-s", help="Spoken language; `auto` identifies it.")
    ] = None,
    target_lang: Annotated[str | None, typer.Option("--target-lang", "-t", help="Language of translations.")] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="API keys, made with serve-key; without it, no keys.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="An existing Ray cluster; else one on this machine.")] = None,
    debug: Debug = False,
) -> None:
    """An HTTP service that OpenAI's clients can use, and a page; Ctrl-C ends it."""
    flags = {"model": model, "source": source_lang, "target": target_lang, "keys_file": keys and str(keys.absolute())}

    def run() -> int:
        from ray_apps.serving.run import serve_until_interrupted

        serve_until_interrupted(config, flags, host, port, address, get_feedback())
        return DONE

    _exit_with(run, debug)


@app.command("serve-key")
def serve_key(
    name: Annotated[str, typer.Argument(help="Who will use it; one word.")],
    keys: Annotated[Path, typer.Option(metavar="FILE", help="File of keys; made if it is not there.")],
    debug: Debug = False,
) -> None:
    """Make an API key and print it; the file gets its hash alone, and a running service takes it at once."""

    def run() -> int:
        from ray_apps.serving.keys import add_key

        typer.echo(add_key(keys, name))
        return DONE

    _exit_with(run, debug)


dashboards = typer.Typer(help="The Grafana dashboard and the Prometheus alerts.", no_args_is_help=True)
app.add_typer(dashboards, name="dashboards")


@dashboards.command()
def export(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where to; else beside Ray's own dashboards.", show_default=False),
    ] = None,
    stalled_after: Annotated[
        int, typer.Option(min=1, metavar="MINUTES", help="A job that had no shard back for so long is stalled.")
    ] = 30,
    debug: Debug = False,
) -> None:
    """Write the dashboard, the alert rules and a Prometheus configuration."""

    def run() -> int:
        from cluster.metrics.alerts import Pace
        from cluster.metrics.folder import export, provisioned

        folders = (folder, folder) if folder else provisioned()
        for path in export(*folders, Pace(standing_s=60 * stalled_after)):
            typer.echo(str(path))
        return DONE

    _exit_with(run, debug)


@dashboards.command()
def push(
    url: Annotated[str, typer.Option(metavar="URL", help="Grafana's address: http://host:3000")],
    token_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable that holds a service account's token.")
    ] = "GRAFANA_TOKEN",
    debug: Debug = False,
) -> None:
    """Put the dashboard into a running Grafana, anew if it is there."""

    def run() -> int:
        from cluster.metrics.push import push

        typer.echo(push(url, token_env))
        return DONE

    _exit_with(run, debug)


def _run(flags: dict[str, Any], config: Path | None, json_file: Path | None) -> int:
    from ray_apps.cli_report import as_json, show_summary, write_json
    from ray_apps.cli_settings import make_settings

    settings = make_settings(flags, config)
    _check_json_file(json_file)
    # Imported late: a wrong flag is answered before Ray is loaded.
    from ray_apps.batch_job import run_job

    feedback = get_feedback()
    summary = run_job(settings, feedback)
    feedback.close()
    show_summary(summary, Console())
    if json_file is not None:
        write_json(as_json(summary), json_file)
    if summary.demo_model:
        feedback.warning(
            "demo-model: the embedded checkpoint knows a small world and is for tests and demos; "
            "use --model mistralai/Voxtral-Mini-3B-2507 for real speech"
        )
    if summary.interrupted:
        feedback.warning("interrupted; run the same command again to go on")
        return INTERRUPTED
    if summary.transient:
        feedback.warning(f"{summary.transient} shards are left; run the same command again to try them once more")
    failed = summary.error_rows - summary.not_opened
    return INCOMPLETE if failed or summary.media_open or summary.transient or summary.not_muxed else DONE


def _plan(flags: dict[str, Any], config: Path | None, json_file: Path | None) -> int:
    from ray_apps.cli_report import plan_figures, show_plan, write_json
    from ray_apps.cli_settings import make_settings

    settings = make_settings(flags, config)
    _check_json_file(json_file)
    from ray_apps.batch_job import dry_run

    feedback = get_feedback()
    figures = plan_figures(dry_run(settings, feedback))
    feedback.close()
    show_plan(figures, Console())
    if json_file is not None:
        write_json(figures, json_file)
    return DONE


def _verify(out: str, json_file: Path | None) -> int:
    from pipelines.archive.storage import Store
    from pipelines.ledger.verify import verify as verify_store
    from ray_apps.cli_report import as_json, show_verification, write_json

    _check_json_file(json_file)
    verification = verify_store(Store(out))
    show_verification(verification, Console())
    if json_file is not None:
        write_json(as_json(verification), json_file)
    return INCOMPLETE if verification.problems else DONE


def _profile(out: str | None, address: str | None, name: str | None, once: bool, files: tuple[Path | None, ...]) -> int:
    from ray_apps.cli_settings import UsageError

    if out is not None and (address or name or once):
        raise UsageError("give OUT, for what it keeps, or --address, --name and --once, for what runs now")
    for option, path in zip(("--json", "--trace", "--picture"), files, strict=True):
        _check_writable(option, path)
    from ray_apps.cli_profile import Written, show_live, show_saved

    written = Written(*files)
    if out is not None:
        show_saved(out, Console(), written)
    else:
        show_live(address, name, once, Console(), written)
    return DONE


def _report(out: str, page: Path | None, json_file: Path | None) -> int:
    from pipelines.archive.storage import Store
    from ray_apps.cli_report import show_rows, write_json
    from ray_apps.report.facts import as_json
    from ray_apps.report.gather import gather
    from ray_apps.report.page import PAGE, headline, render

    _check_json_file(json_file)
    _check_writable("--out", page)
    store = Store(out)
    facts = gather(store)
    if page is None:
        store.write_bytes(PAGE, render(facts))
    else:
        page.write_bytes(render(facts))
    show_rows([("run", headline(facts)[1]), ("report", str(page or store.url_of(PAGE)))], Console())
    if json_file is not None:
        write_json(as_json(facts), json_file)
    return DONE


def _apply_review(out: str, reviews: list[Path], json_file: Path | None) -> int:
    from pipelines.archive.storage import Store
    from pipelines.ledger.apply_review import apply_reviews
    from ray_apps.cli_report import as_json, show_rows, write_json
    from ray_apps.cli_settings import UsageError

    _check_json_file(json_file)
    try:
        contents = {str(path): path.read_bytes() for path in reviews}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror or error}") from error
    applied = apply_reviews(Store(out), contents)
    for sentence in applied.notes:
        get_feedback().warning(sentence)
    counts = ("corrections", "media", "files")
    show_rows([(name, str(getattr(applied, name))) for name in counts], Console())
    if json_file is not None:
        write_json(as_json(applied), json_file)
    return DONE


def _doctor(model: str | None, out: str, json_file: Path | None) -> int:
    from ray_apps.cli_report import as_json, write_json
    from ray_apps.doctor import examine, show

    _check_json_file(json_file)
    report = examine(model, out)
    show(report, Console(), get_feedback())
    if json_file is not None:
        write_json(as_json(report), json_file)
    return DONE if report.usable else INCOMPLETE


def _check_json_file(path: Path | None) -> None:
    _check_writable("--json", path)


def _check_writable(option: str, path: Path | None) -> None:
    """Before the work, not after it."""
    from ray_apps.cli_settings import UsageError

    if path is None:
        return
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(f"{option} {path} cannot be written; name a file in a folder that you may write to")


def _exit_with(command: Callable[[], int], debug: bool) -> None:
    """Run a command and exit with its code; an error is told in a line, unless ``debug`` asks for more."""
    feedback = get_feedback()
    try:
        code = command()
    except KeyboardInterrupt:
        feedback.warning("interrupted; run the same command again to go on")
        code = INTERRUPTED
    except Exception as error:
        if debug:
            raise
        code = _tell(error)
    finally:
        feedback.close()
    raise typer.Exit(code)


def _tell(error: Exception) -> int:
    """Say what went wrong; the exit code."""
    message = str(error) or type(error).__name__
    written_for_users = type(error).__module__.split(".")[0] in OUR_PACKAGES
    if not written_for_users and not isinstance(error, ConnectionError | PermissionError | FileNotFoundError):
        message = f"{_without_traceback(error)}\nIf this does not help, run it again with --debug"
    get_feedback().error(message)
    return USAGE if written_for_users and not isinstance(error, OSError | RuntimeError) else INCOMPLETE


def _without_traceback(error: Exception) -> str:
    """Ray's errors carry a worker's whole traceback in their message: its last line says what happened."""
    message = str(error).strip() or type(error).__name__
    if '  File "' in message:
        return message.splitlines()[-1].strip()
    return f"{type(error).__name__}: {message}"
