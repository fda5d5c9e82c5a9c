"""What a checkpoint is: its folder, its name, its digest, and what it says it can do.

Reads the small files of a folder in the Hub's layout. It loads no weights and does not know engines.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from b200_kernels.checkpoint_sources import (
    DECLARATION,
    EMBEDDED,
    CheckpointError,
    default_cache,
    fetch,
    wanted,
)
from b200_kernels.engine import EngineCapabilities

__all__ = ["EMBEDDED", "VOXTRAL", "Checkpoint", "CheckpointError", "UnsupportedPair", "check_pair"]
__all__ += ["default_model", "open_checkpoint"]

VOXTRAL = "mistralai/Voxtral-Mini-3B-2507"
VOXTRAL_LANGUAGES = frozenset({"en", "es", "fr", "pt", "hi", "de", "nl", "it"})
"""What the 2507 models declare on their cards; their files do not say it."""
_SAMPLE_RATE = 16_000
_SMALL = 64 * 2**20
_SAMPLES, _SAMPLE = 64, 64 * 2**10


class UnsupportedPair(ValueError):
    """A translation that the embedded checkpoint never learned."""


class Declaration(BaseModel):
    """``voxtral_b200.json``: what a checkpoint says of itself that Voxtral's own files have no place for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    demo_model: bool = False
    languages: frozenset[str] = VOXTRAL_LANGUAGES
    pairs: frozenset[tuple[str, str]] = frozenset()
    window_s: float | None = Field(None, gt=0)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on the local disk. ``digest`` changes whenever its weights, tokenizer or settings do."""

    folder: Path
    name: str
    digest: str
    capabilities: EngineCapabilities

    @property
    def demo_model(self) -> bool:
        return self.capabilities.demo_model

    def memory_gb(self, dtype: str) -> float:
        """GiB that loading the weights takes at most; they are stored with two bytes a number."""
        stored = sum(path.stat().st_size for path in self.folder.glob("*.safetensors"))
        return stored / 2**30 * (2 if dtype in ("float32", "bf16x3") else 1)


def default_model(has_gpu: bool) -> str:
    """What runs when nobody named a model: the real Voxtral with a GPU, the embedded checkpoint without
    one."""
    return VOXTRAL if has_gpu else EMBEDDED


def open_checkpoint(model: str | None = None, cache_dir: Path | None = None) -> Checkpoint:
    """Find (and, for a Hub id or URL, fetch) a checkpoint and read what it can do.

    ``model`` is None or ``embedded``, a folder, a Hub id or an fsspec URL such as ``s3://bucket/voxtral``,
    which is copied once into ``cache_dir`` (default: the user's cache). Raises :class:`CheckpointError`,
    which says what to do.
    """
    folder, name = fetch(model, cache_dir or default_cache())
    _check_files(folder, name)
    return Checkpoint(folder, name, _digest(folder), _capabilities(folder, name))


def check_pair(capabilities: EngineCapabilities, source: str, target: str) -> str | None:
    """A warning when the checkpoint does not declare this translation (ISO 639-1 codes), else None.

    Into the same language means a transcript. Raises :class:`UnsupportedPair` for the embedded checkpoint,
    which answers nonsense outside of its small world.
    """
    if capabilities.demo_model:
        known = (source, target) in capabilities.pairs or (source == target and source in capabilities.languages)
        if known:
            return None
        pairs = ", ".join(f"{a} to {b}" for a, b in sorted(capabilities.pairs))
        raise UnsupportedPair(
            f"the embedded demo model translates {pairs} only, not {source} to {target}: "
            f"name a real model, for example --model {VOXTRAL}"
        )
    unknown = sorted({source, target} - capabilities.languages)
    if not unknown:
        return None
    verb = "is" if len(unknown) == 1 else "are"
    return (
        f"{' and '.join(unknown)} {verb} not among the languages that this checkpoint declares "
        f"({', '.join(sorted(capabilities.languages))}): the result may be poor, look at its scores"
    )


def _check_files(folder: Path, name: str) -> None:
    if name == EMBEDDED and not (folder / "config.json").is_file():
        raise CheckpointError(f"there is no embedded checkpoint in {folder}: run `make embedded`, or give a --model")
    missing = [f for f in ("config.json", "preprocessor_config.json", "tekken.json") if not (folder / f).is_file()]
    if missing:
        hint = (
            " (params.json is Mistral's own format: take the Hub's files)" if (folder / "params.json").exists() else ""
        )
        raise CheckpointError(
            f"{name} is not a Voxtral checkpoint in the Hub's layout: {', '.join(missing)} missing{hint}"
        )
    if not any(folder.glob("model*.safetensors")):
        pickled = [p.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for p in folder.glob(pattern)]
        if pickled:
            raise CheckpointError(
                f"{name} holds its weights only as pickles ({', '.join(pickled)}), which can run any code "
                "when they are loaded: convert them to safetensors"
            )
        raise CheckpointError(f"{name} holds no weights: expected model.safetensors or model-00001-of-….safetensors")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}; fetch the checkpoint again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} does not hold a JSON object; fetch the checkpoint again")
    return content


def _capabilities(folder: Path, name: str) -> EngineCapabilities:
    kind = _read_json(folder / "config.json").get("model_type")
    if kind != "voxtral":
        raise CheckpointError(
            f"{name} is not a Voxtral but {kind!r}: give a Voxtral that translates, such as {VOXTRAL}"
        )
    audio = _read_json(folder / "preprocessor_config.json")
    rate, chunk = audio.get("sampling_rate"), audio.get("chunk_length")
    if rate != _SAMPLE_RATE or not isinstance(chunk, int | float) or chunk <= 0:
        raise CheckpointError(
            f"{name}: preprocessor_config.json must say sampling_rate 16000 and a chunk_length in seconds, "
            f"not {rate!r} and {chunk!r}"
        )
    content = _read_json(folder / DECLARATION) if (folder / DECLARATION).exists() else {}
    try:
        declared = Declaration.model_validate(content)
    except ValidationError as error:
        raise CheckpointError(f"{name}: {DECLARATION} is not valid: {error}") from error
    return EngineCapabilities(
        languages=declared.languages,
        pairs=declared.pairs,
        window_s=min(declared.window_s or chunk, float(chunk)),
        chunk_s=float(chunk),
        token_timings=False,
        shared_listening=True,
        demo_model=declared.demo_model,
    )


def _digest(folder: Path) -> str:
    """SHA-256 over the names, sizes and contents of what engines read, in the order of the names.

    Files up to 64 MiB count whole. Of a larger weight file (48 GB take minutes to read) it takes the
    safetensors header, which lists every tensor, and 64 blocks of 64 KiB spread evenly over the file: other
    weights of the same shapes differ everywhere, so they differ there too.
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.is_file() and wanted(p.name)):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            if size <= _SMALL or path.suffix != ".safetensors":
                digest.update(file.read())
                continue
            header = min(size, 8 + struct.unpack("<Q", file.read(8))[0])
            file.seek(0)
            digest.update(file.read(min(header, _SMALL)))
            for i in range(_SAMPLES):
                file.seek(i * (size - _SAMPLE) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE))
    return digest.hexdigest()
