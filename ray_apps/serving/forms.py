"""The fields of a request for texts, as OpenAI names them, and what is not OpenAI's: ``to_language``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipelines.languages import language_code
from pipelines.records import TO_IDENTIFY
from ray_apps.serving.errors import invalid

ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
Granularity = Literal["segment", "word"]
_LISTS = {"timestamp_granularities"}
_LONGEST_NAME = 100


class TranscriptionForm(BaseModel):
    """Fields that are not named here are ignored, as clients send what other servers know."""

    model_config = ConfigDict(frozen=True, extra="ignore", json_schema_extra={"additionalProperties": True})

    model: str | None = Field(None, description="a name that GET /v1/models lists; may be left out")
    language: str | None = Field(
        None, max_length=_LONGEST_NAME, description="spoken language, a code or a name; `auto`: found out"
    )
    prompt: str | None = Field(
        None, description="of a translation: terms, `köprü = pont; Elif = Élif`; a header says if it was used"
    )
    temperature: float = Field(0.0, ge=0.0, le=1.0, description="of first answers; above 0 they are sampled")
    response_format: ResponseFormat = "json"
    timestamp_granularities: tuple[Granularity, ...] = Field(("segment",), description="with verbose_json")
    stream: bool = Field(False, description="server-sent events, a cue as soon as it is final")

    @field_validator("language", "to_language", check_fields=False)
    @classmethod
    def _known(cls, text: str | None) -> str | None:
        return text if text == TO_IDENTIFY else language_code(text) if text else None


class TranslationForm(TranscriptionForm):
    to_language: str | None = Field(
        None, max_length=_LONGEST_NAME, description="language of the translation; without it the configured one"
    )


def parsed(form: type[TranscriptionForm], fields: Sequence[tuple[str, str]]) -> TranscriptionForm:
    """The form of these fields. Raises ApiError (400) for the first that does not fit."""
    values: dict[str, Any] = {}
    for name, value in fields:
        plain = name.removesuffix("[]")
        if plain in _LISTS:
            values.setdefault(plain, []).append(value)
        elif plain in values:
            raise invalid(f"{plain} is given twice", plain)
        else:
            values[plain] = value
    if values.get("response_format") == "":
        del values["response_format"]
    try:
        made = form.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        raise invalid(f"{problem['loc'][0]}: {problem['msg']}", str(problem["loc"][0])) from error
    if made.response_format != "verbose_json" and "timestamp_granularities" in made.model_fields_set:
        raise invalid("timestamp_granularities asks for response_format verbose_json", "timestamp_granularities")
    return made


def body_schema(form: type[TranscriptionForm]) -> dict[str, Any]:
    """The request body of an OpenAPI operation that takes this form."""
    schema = form.model_json_schema()
    fields = {name: _plain(field) for name, field in schema["properties"].items()}
    fields["timestamp_granularities[]"] = fields.pop("timestamp_granularities")
    file = {"type": "string", "format": "binary", "description": "an audio or video file"}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": file, **fields}}
            }
        },
    }


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """A field that may be left out is not one that may be null: a form knows no null."""
    kept = {name: value for name, value in field.items() if name not in ("anyOf", "default", "title")}
    kept |= next((kind for kind in field.get("anyOf", ()) if kind.get("type") != "null"), {})
    return kept if field.get("default") is None else kept | {"default": field["default"]}
