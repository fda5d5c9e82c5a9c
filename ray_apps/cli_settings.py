"""From flags and a YAML file to :class:`ray_apps.settings.Settings`: the flags win.

Languages may be written as names or codes, in both. It knows the shape of the settings, not what they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.records import TO_IDENTIFY
from pipelines.subtitles.substation import read_styles
from pipelines.subtitles.subtitle_files import FORMATS
from ray_apps.settings import Settings

DEFAULT_QUALITY = "medium"
_GATES, _CUES = ("quality", "meaning"), ("profile", "bilingual", "mux", "ass_style")
_BELONGS_TO = dict.fromkeys(_GATES, "gate") | dict.fromkeys(_CUES, "cues")


class UsageError(ValueError):
    """Something in the flags or the settings file that the user can put right; the message says how."""


def make_settings(flags: Mapping[str, Any], config: Path | None) -> Settings:
    """The settings tree.

    ``flags`` are named as the fields of Settings, with ``quality`` and ``meaning`` for the gate's, and ``profile``,
    ``bilingual``, ``mux`` and ``ass_style`` (a file) for the cues'; None (or an empty list) means that the flag was not
    given. ``config`` is a YAML file with the same names, nested as the tree is; ``cues.ass_style`` is a file there too.

    Raises:
        UsageError: the file cannot be read, or a value does not fit.
        UnknownLanguage: a language that nobody knows.
    """
    values = {"gate": {"quality": DEFAULT_QUALITY}}
    if config is not None:
        values = _merged(values, _in_their_place(_from_yaml(config)))
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    values = _merged(values, _in_their_place(given))
    return _validated(_normalised(values))


def _from_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path} is not valid YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"--config {path} must hold names with values, such as `targets: [French]`")
    return {str(name).replace("-", "_"): value for name, value in content.items()}


def _in_their_place(values: Mapping[str, Any]) -> dict[str, Any]:
    """Some names stand at the top for people, and belong further down; a style file's name becomes its content."""
    result = {name: value for name, value in values.items() if name not in _BELONGS_TO}
    for name, group in _BELONGS_TO.items():
        if name in values:
            result = _merged(result, {group: {name: values[name]}})
    cues = result.get("cues")
    if isinstance(cues, dict) and cues.get("ass_style"):
        result["cues"] = cues | {"ass_style": _style(cues["ass_style"])}
    return result


def _style(path: object) -> str:
    """The content of a style file: whoever writes the subtitles may be on another machine."""
    if not isinstance(path, str | Path):
        raise UsageError(f"--ass-style {path!r} is no file's name")
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
        read_styles(content)
    except UnicodeDecodeError as error:
        raise UsageError(f"--ass-style {path} is not in UTF-8: save it so in the program that made it") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"--ass-style {path} cannot be used: {getattr(error, 'strerror', None) or error}") from error
    return content


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, mapping by mapping."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        result[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _normalised(values: dict[str, Any]) -> dict[str, Any]:
    from pipelines.languages import language_code

    for name in ("inputs", "targets", "formats"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    if not values.get("inputs"):
        raise UsageError("nothing to translate: name a folder, a file, a glob or a list: `voxtral translate talks/`")
    targets = _listed(values.get("targets") or ())
    if not targets:
        raise UsageError("into which language? Say so with --target-lang, for example --target-lang French")
    values["targets"] = tuple(dict.fromkeys(language_code(target) for target in targets))
    source = values.get("source")
    values["source"] = None if source in (None, TO_IDENTIFY) else language_code(str(source))
    if isinstance(values.get("glossary"), str | Path):
        from ray_apps.glossary_file import read_glossary

        values["glossary"] = read_glossary(Path(values["glossary"]), values["targets"])
    if "formats" in values:
        values["formats"] = _formats(_listed(values["formats"]))
    return values


def _listed(values: Sequence[Any]) -> list[str]:
    """Comma lists taken apart: ``["French,English"]`` -> ``["French", "English"]``."""
    return [part.strip() for value in values for part in str(value).split(",") if part.strip()]


def _formats(names: Sequence[str]) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(name.lower().lstrip(".") for name in names))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UsageError(f"--formats {','.join(unknown)}: known are {', '.join(FORMATS)}")
    return formats


def _validated(values: dict[str, Any]) -> Settings:
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise UsageError(readable(error)) from error
    if settings.min_actors and settings.max_actors and settings.min_actors > settings.max_actors:
        raise UsageError(f"--min-actors {settings.min_actors} is more than --max-actors {settings.max_actors}")
    if settings.cues.bilingual and settings.cues.max_lines == 1:
        raise UsageError("--bilingual shows two languages, a line each at least: max_lines must be 2 or more")
    return settings


def readable(error: ValidationError) -> str:
    """One line a problem: where it is in the tree, what is wrong, and what was given."""
    lines = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"]) or "settings"
        if problem["type"] == "extra_forbidden":
            lines.append(f"{where}: there is no such setting")
        else:
            complaint = problem["msg"][0].lower() + problem["msg"][1:]
            lines.append(f"{where}: {complaint} (given: {problem['input']!r})")
    return "these settings do not fit:\n" + "\n".join(lines) if len(lines) > 1 else lines[0]
