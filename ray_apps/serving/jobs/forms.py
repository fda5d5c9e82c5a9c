"""What a job is asked for: a manifest of addresses as JSON, or a form with media.

A body that is as large as may be can hold millions of values. So lists are counted before their items are looked at,
and a wrong medium is the last one that is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipelines.languages import language_code
from pipelines.subtitles.subtitle_files import FORMATS
from ray_apps.serving.errors import ApiError, invalid
from ray_apps.serving.uploads import FILE

MANIFEST_BYTES = 16 * 2**20
"""Of a body with addresses; one of media may have as many as any upload."""
_LONGEST_NAME = 100
_MOST_NAMES = 20
"""Languages or formats of a list."""
_Form = TypeVar("_Form", bound="JobForm")


def _known_format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"known are {', '.join(FORMATS)}")
    return name


def _listed(value: Any) -> Any:
    """``"fr,en"``, ``["fr", "en"]`` and, from a form, ``["fr,en"]`` mean the same."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    if len(value) + sum(item.count(",") for item in value if isinstance(item, str)) > _MOST_NAMES:
        raise ValueError(f"at most {_MOST_NAMES} may be given")
    if all(isinstance(item, str) for item in value):
        return [part.strip() for item in value for part in item.split(",") if part.strip()]
    return value


Language = Annotated[str, Field(max_length=_LONGEST_NAME), AfterValidator(language_code)]
Languages = Annotated[tuple[Language, ...], BeforeValidator(_listed)]
Formats = Annotated[
    tuple[Annotated[str, AfterValidator(_known_format)], ...], BeforeValidator(_listed), Field(min_length=1)
]


class JobForm(BaseModel):
    """Fields that are not named here are ignored, as in the other routes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str | None = None
    language: Language | None = None
    to_language: Languages = ()
    formats: Formats = ("srt", "vtt", "json")


class ListedMedium(BaseModel):
    """A row of the manifest; its languages go before the job's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    language: Language | None = None
    to_language: Languages = ()

    @property
    def row(self) -> dict[str, object]:
        """As a list of the batch job has it."""
        languages = {"source_lang": self.language, "target_lang": list(self.to_language)}
        return {"url": self.url} | {name: value for name, value in languages.items() if value}


def _as_row(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > len(ListedMedium.model_fields):
        raise ValueError(f"known fields are {', '.join(ListedMedium.model_fields)}")  # not an error for each other one
    return {"url": value} if isinstance(value, str) else value


class ManifestForm(JobForm):
    """A job of addresses."""

    media: tuple[Annotated[ListedMedium, BeforeValidator(_as_row)], ...] = Field(min_length=1, fail_fast=True)


def check_count(media: int, most: int) -> None:
    """Raises ApiError (413)."""
    if media > most:
        raise ApiError(413, "too_many_media", f"a job may have {most} media here", param="media")


def manifest(body: bytes, most_media: int) -> ManifestForm:
    """Raises ApiError (400, or 413 for more media than may be)."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid("the body is no JSON", code="malformed_json") from error
    media = values.get("media") if isinstance(values, dict) else None
    check_count(len(media) if isinstance(media, list) else 0, most_media)
    return _validated(ManifestForm, values)


def job_form(fields: Sequence[tuple[str, str]]) -> JobForm:
    """The fields of a form with media. Raises ApiError (400) for the first that does not fit."""
    values: dict[str, Any] = {}
    for name, value in fields:
        plain = name.removesuffix("[]")
        if plain in ("to_language", "formats"):
            values.setdefault(plain, []).append(value)
        elif plain in values:
            raise invalid(f"{plain} is given twice", plain)
        else:
            values[plain] = value
    if values.get("language") == "":
        del values["language"]
    return _validated(JobForm, values)


def _validated(form: type[_Form], values: Any) -> _Form:
    try:
        return form.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"])) or None
        raise invalid(f"{where or 'the body'}: {problem['msg']}", where) from error


def body_schema() -> dict[str, Any]:
    """The request body of ``POST /v1/jobs`` in an OpenAPI document."""
    text: dict[str, Any] = {"type": "string"}
    texts = {"type": "array", "maxItems": _MOST_NAMES, "items": text}
    formats = {"type": "array", "minItems": 1, "maxItems": _MOST_NAMES, "items": text | {"enum": list(FORMATS)}}
    shared = {"model": text, "language": text}
    row = {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {"url": text, "language": text, "to_language": texts},
    }
    media = {"type": "array", "minItems": 1, "items": {"anyOf": [text, row]}}
    files = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    as_json = {"media": media, **shared, "to_language": texts, "formats": formats}
    as_form = {FILE: files, **shared, "to_language": text, "formats": text}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["media"], "properties": as_json}},
            "multipart/form-data": {"schema": {"type": "object", "required": [FILE], "properties": as_form}},
        },
    }
