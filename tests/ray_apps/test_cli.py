from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import main as program
from b200_kernels.checkpoint_sources import CheckpointError
from pipelines.archive.storage import StoreError
from pipelines.ledger.verify import Verification
from ray_apps import cli
from ray_apps.cli_feedback import get_feedback
from ray_apps.summary import RunSummary

ROOT = Path(__file__).parents[2]
ASK = ["translate", "talks", "--target-lang", "French"]


def fake_summary(**changes):
    return RunSummary(
        **{
            "out": "subtitles",
            "fingerprint": "0123456789abcdef",
            "media": 3,
            "media_done": 3,
            "media_failed": 0,
            "shards": 5,
            "shards_done": 4,
            "shards_skipped": 1,
            "audio_s": 7200.0,
            "speech_s": 3600.0,
            "cues": 812,
            "needs_review": 7,
            "covered_s": 3500.0,
            "uncovered": 3,
            "to_review": 9,
            "corrected": 0,
            "retries": 20,
            "violations": 2,
            "errors": (),
            "transient": 0,
            "wall_s": 100.0,
            "startup_s": 10.0,
            "realtime_factor": 80.0,
            "stages": {},
            "media_open": 0,
            "error_rows": 0,
            "not_opened": 0,
            "demo_model": False,
            "engine": "compiled",
            "dtype": "float32",
            "kv_cache": "auto",
            "deterministic": False,
            "interrupted": False,
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def fresh_feedback(monkeypatch):
    """The runner swaps stderr, so every test needs a feedback of its own."""
    monkeypatch.setenv("COLUMNS", "200")
    get_feedback.cache_clear()
    yield
    get_feedback.cache_clear()


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(cli.app, list(arguments), prog_name="voxtral")


@pytest.fixture
def job(monkeypatch):
    """``run_job`` is a fake: it keeps the settings, and returns or raises ``job.result``."""
    state = SimpleNamespace(settings=None, result=fake_summary())

    def fake_run_job(settings, feedback):
        state.settings = settings
        if isinstance(state.result, BaseException):
            raise state.result
        feedback.progress(media_done=3, media_total=3)
        return state.result

    monkeypatch.setattr("ray_apps.batch_job.run_job", fake_run_job)
    return state


def test_flags_become_settings(run, job):
    result = run(
        *ASK, "more.mp4", "-t", "en,German", "--source-lang", "Turkish", "--out", "o", "--quality", "high",
        "--model", "m", "--engine", "reference", "--formats", "srt", "--address", "auto", "--min-actors", "2",
        "--max-actors", "4", "--audio-stream", "1", "--retry-errors",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    s = job.settings
    assert (s.inputs, s.targets, s.source, s.out) == (("talks", "more.mp4"), ("fr", "en", "de"), "tr", "o")
    assert (s.gate.quality, s.model, s.engine, s.formats) == ("high", "m", "reference", ("srt",))
    assert (s.address, s.min_actors, s.max_actors, s.audio_stream, s.retry_errors) == ("auto", 2, 4, 1, True)


def test_the_closing_table_is_on_stdout_and_progress_on_stderr(run, job):
    result = run(*ASK)
    assert result.exit_code == 0
    for piece in ("3 of 3", "2.0 h", "80.0 × real time", "812, 7 to review", "subtitles"):
        assert piece in " ".join(result.stdout.split())
    assert "progress: media 3/3" in result.stderr
    assert "progress" not in result.stdout


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({}, 0, ""),
        (
            {"media_done": 2, "error_rows": 1, "errors": (("a.mp4", "no_audio", "it is silent film"),)},
            1,
            "",
        ),
        ({"error_rows": 1}, 1, ""),
        ({"error_rows": 1, "not_opened": 1, "media_failed": 1}, 0, ""),
        ({"media_open": 1}, 1, ""),
        ({"transient": 2}, 1, "2 shards are left; run the same command again"),
        ({"interrupted": True}, 130, "run the same command again to go on"),
        ({"demo_model": True}, 0, "warning: demo-model"),
    ],
)
def test_exit_codes(run, job, changes, code, told):
    job.result = fake_summary(**changes)
    result = run(*ASK)
    assert result.exit_code == code
    assert told in result.stderr


def test_errors_are_listed_and_no_name_can_break_the_list(run, job):
    errors = tuple((f"{i}\n\x1b[2J[red].mp4", "not_media", "text") for i in range(12))
    job.result = fake_summary(media_failed=12, errors=errors)
    result = run(*ASK)
    assert r"0\n\x1b[2J[red].mp4: not_media: text" in result.stdout.splitlines()
    assert "and 2 more, all of them in subtitles/errors.parquet" in result.stdout
    assert "10\\n" not in result.stdout


def test_figures_are_also_written_as_json(run, job, tmp_path):
    file = tmp_path / "figures.json"
    assert run(*ASK, "--json", str(file)).exit_code == 0
    written = json.loads(file.read_text())
    assert (written["media"], written["cues"], written["realtime_factor"]) == (3, 812, 80.0)


def test_a_file_name_that_is_not_utf8_can_be_told(run, job, tmp_path):
    file = tmp_path / "figures.json"
    job.result = fake_summary(media_failed=1, errors=(("caf\udce9.mp4", "not_media", "text"),))
    result = run(*ASK, "--json", str(file))
    assert r"caf\udce9.mp4: not_media: text" in result.stdout
    assert json.loads(file.read_bytes())["errors"] == [["caf\udce9.mp4", "not_media", "text"]]


def test_a_json_file_that_cannot_be_written_is_told_before_the_work(run, job, tmp_path):
    result = run(*ASK, "--json", str(tmp_path / "no" / "x.json"))
    assert result.exit_code == 2
    assert "error: --json" in result.stderr
    assert job.settings is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["translate", "talks"], "--target-lang French"),
        (["translate", "-t", "French"], "nothing to translate"),
        (["translate", "talks", "-t", "Frensh"], "Did you mean French"),
        (["translate", "talks", "-t", "fr", "--formats", "doc"], "--formats doc"),
        (["translate", "talks", "-t", "fr", "--quality", "superb"], "superb"),
        (["translate", "talks", "-t", "fr", "--min-actors", "0"], "--min-actors"),
        (
            ["translate", "talks", "-t", "fr", "--min-actors", "3", "--max-actors", "2"],
            "--min-actors 3 is more",
        ),
        (["translate", "talks", "-t", "fr", "--colour"], "--colour"),
        (["translate", "talks", "-t", "fr", "--config", "none.yaml"], "none.yaml cannot be read"),
        (["fly"], "fly"),
        (["verify"], "OUT"),
    ],
)
def test_wrong_commands_exit_with_2_and_say_why(run, job, arguments, told):
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.output
    assert job.settings is None


class FakeNoInput(ValueError):
    """A product's error, as the pipelines raise them."""

    __module__ = "pipelines.archive.manifest"


FAKE_RAY_ERROR = """ray::MapWorker() (pid=7, ip=127.0.0.1)
  File "/x/translator.py", line 3, in __call__
    boom()
ValueError: boom"""


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (FakeNoInput("nothing matches talks"), 2, "error: nothing matches talks\n"),
        (CheckpointError("there is no checkpoint 'm'"), 2, "error: there is no checkpoint 'm'\n"),
        (ConnectionError("no Ray cluster answers"), 1, "error: no Ray cluster answers\n"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: [Errno 13] Permission denied: '/x'\n"),
        (ValueError("shapes differ"), 1, "error: ValueError: shapes differ\n  If this does not help"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "no"), 1, "error: UnicodeEncodeError: "),
        (StoreError("s3://b is away"), 1, "error: s3://b is away\n"),
        (RuntimeError(FAKE_RAY_ERROR), 1, "error: ValueError: boom\n"),
        (KeyError("x"), 1, "error: KeyError: 'x'\n"),
        (RuntimeError(), 1, "error: RuntimeError: RuntimeError\n"),
        (KeyboardInterrupt(), 130, "run the same command again to go on"),
    ],
)  # fmt: skip
def test_no_traceback_reaches_the_user(run, job, error, code, told):
    job.result = error
    result = run(*ASK)
    assert result.exit_code == code
    assert told in result.stderr
    assert "Traceback" not in result.output
    assert 'File "' not in result.output


def test_debug_lets_the_error_through(run, job):
    job.result = KeyError("x")
    assert isinstance(run(*ASK, "--debug").exception, KeyError)


def test_dry_run_plans_and_does_nothing(run, job, monkeypatch, tmp_path):
    from pipelines.records import Failure, Medium, Shard

    whole = Medium(id="a", url="a.mp4", name="a.mp4", size=1, version="1", duration_s=1200)
    bad = Medium(id="b", url="b.mp4", name="b.mp4", size=1, version="1",
                 failure=Failure(kind="not_media", detail="it is text", permanent=True))  # fmt: skip
    missing = Shard(medium=whole, index=1, start_s=600, end_s=1200, source="tr", targets=("fr",))

    def fake_plan_job(settings, feedback, accelerator=None, *, keep=False):
        assert not keep
        return SimpleNamespace(
            settings=settings,
            media=(whole, bad),
            missing=(missing,),
            missing_s=600.0,
            audio_s=1200.0,
            shard_count=2,
            checkpoint=SimpleNamespace(name="embedded", demo_model=True),
            recipe=SimpleNamespace(fingerprint="f"),
        )

    monkeypatch.setattr("ray_apps.batch_job.plan_job", fake_plan_job)
    out, file = tmp_path / "out", tmp_path / "plan.json"
    result = run(*ASK, "--dry-run", "--out", str(out), "--json", str(file))
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "media 2, 1 of them cannot be read" in words
    assert "shards 2, 1 are done already" in words
    assert "to do 10.0 min in 1 shards" in words
    assert "b.mp4: not_media: it is text" in words
    assert json.loads(file.read_text())["estimated_s"] > 0
    assert job.settings is None
    assert not out.exists()


def test_dry_run_estimates_by_the_last_run(tmp_path):
    from ray_apps.estimate import estimate

    last = {"realtime_factor": 20.0, "fingerprint": "f"}
    (tmp_path / "summary.json").write_text(json.dumps(last))

    def plan(fingerprint):
        return SimpleNamespace(
            settings=SimpleNamespace(out=str(tmp_path)),
            recipe=SimpleNamespace(fingerprint=fingerprint),
            checkpoint=SimpleNamespace(demo_model=True),
            missing_s=600.0,
        )

    assert estimate(plan("f")).seconds == 30.0
    assert "last run" in estimate(plan("f")).basis
    assert "guess" in estimate(plan("another")).basis
    (tmp_path / "summary.json").write_text("rubbish")
    assert "guess" in estimate(plan("f")).basis


@pytest.mark.parametrize(("problems", "code"), [((), 0), (("a.mp4: shard 2 has no part",), 1)])
def test_verify(run, monkeypatch, tmp_path, problems, code):
    def fake_verify(store):
        return Verification(problems=problems, media=3, media_done=3)

    monkeypatch.setattr("pipelines.ledger.verify.verify", fake_verify)
    file = tmp_path / "v.json"
    result = run("verify", str(tmp_path), "--json", str(file))
    assert result.exit_code == code, result.output
    assert ("all accounted for" in result.stdout) is (code == 0)
    assert all(problem in result.stdout for problem in problems)
    assert json.loads(file.read_text())["problems"] == list(problems)


def test_verify_tells_what_is_open(run, monkeypatch, tmp_path):
    def fake_verify(store):
        return Verification(problems=(), media=3, media_done=1, media_open=2, shards_open=9)

    monkeypatch.setattr("pipelines.ledger.verify.verify", fake_verify)
    result = run("verify", str(tmp_path))
    assert result.exit_code == 0
    assert "2 media and 9 shards are open: run the same translate command again to go on" in result.stdout


def test_version(run):
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("voxtral-b200 ")


def test_without_arguments_there_is_help(run):
    assert "translate" in run().output


@pytest.mark.parametrize("arguments", [["--help"], ["translate", "--help"], ["translate", "x", "-t", "Frensh"]])
def test_nothing_heavy_is_imported_to_answer_quickly(arguments):
    code = (
        "import sys, main\n"
        "try: main.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'ray', 'torch', 'transformers', 'av', 'pyarrow', 'onnxruntime'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_terminal_without_accents_gets_escapes_and_no_error():
    done = subprocess.run(
        [sys.executable, "main.py", "x", "--target-lang", "éé"],
        cwd=ROOT, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 2
    assert rb"\xe9" in done.stderr
    assert b"is not a language" in done.stderr


def test_the_seeds_command(job, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["main.py", "input.mp4", "--target-lang", "French", "--quality", "high"])
    with pytest.raises(SystemExit) as exit_info:
        program.main()
    assert exit_info.value.code == 0
    assert (job.settings.inputs, job.settings.targets) == (("input.mp4",), ("fr",))
    assert job.settings.gate.quality == "high"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["input.mp4", "-t", "fr"], ["translate", "input.mp4", "-t", "fr"]),
        (["--target-lang", "fr", "x"], ["translate", "--target-lang", "fr", "x"]),
        (["verify", "out"], ["verify", "out"]),
        (["translate", "x"], ["translate", "x"]),
        (["--help"], ["--help"]),
        ([], []),
    ],
)
def test_translating_is_the_default(given, meant):
    assert program.with_default_command(given) == meant


def test_every_subcommand_is_known_to_main():
    commands = {command.callback.__name__.replace("_", "-") for command in cli.app.registered_commands}
    assert commands | {group.name for group in cli.app.registered_groups} == set(cli.COMMANDS)


def test_a_review_file_is_applied_and_what_is_wrong_with_it_is_told(run, monkeypatch, tmp_path):
    from pipelines.ledger import apply_review
    from pipelines.ledger.review import ReviewError

    path = tmp_path / "film.fr.review.csv"
    path.write_bytes(b"x")
    given = {}

    def fake(store, reviews):
        given.update(reviews)
        return apply_review.Applied(corrections=2, media=1, files=4, notes=("film.fr.srt was changed by hand",))

    monkeypatch.setattr(apply_review, "apply_reviews", fake)
    result = run("apply-review", str(tmp_path), str(path))
    assert (result.exit_code, given) == (0, {str(path): b"x"})
    assert "corrections  2" in result.stdout
    assert "changed by hand" in result.stderr

    def refused(store, reviews):
        raise ReviewError("film.csv, line 3: 'x' is no cue's number")

    monkeypatch.setattr(apply_review, "apply_reviews", refused)
    result = run("apply-review", str(tmp_path), str(path))
    assert (result.exit_code, result.stderr) == (2, "error: film.csv, line 3: 'x' is no cue's number\n")
    result = run("apply-review", str(tmp_path), str(tmp_path / "none.csv"))
    assert result.exit_code == 2
    assert "none.csv cannot be read" in result.stderr


def test_a_glossary_becomes_terms(run, job, tmp_path):
    path = tmp_path / "terms.csv"
    path.write_text("köprü,pont\n", encoding="utf-8")
    assert run(*ASK, "--glossary", str(path)).exit_code == 0
    assert [(t.source, t.target, t.language) for t in job.settings.glossary] == [("köprü", "pont", "fr")]
    path.write_text("köprü\n", encoding="utf-8")
    result = run(*ASK, "--glossary", str(path))
    assert result.exit_code == 2
    assert "terms.csv, line 1" in result.stderr
