"""Where a checkpoint's files come from: the package, a folder, the Hugging Face Hub, any fsspec store.

It ends with a local folder in the Hub's layout. It does not know what is in the files; :mod:`checkpoints`
reads them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parent / "embedded" / "checkpoint"
DECLARATION = "voxtral_b200.json"

# What engines read. A Hub repository holds the weights a second time in Mistral's format
# (consolidated.safetensors).
FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "tekken.json",
    DECLARATION,
    "model.safetensors.index.json",
    "model*.safetensors",
)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class CheckpointError(Exception):
    """A checkpoint that cannot be found, fetched or used; the message says what to do."""


def wanted(name: str) -> bool:
    """Whether an engine reads the file of this name."""
    return any(fnmatch(name, pattern) for pattern in FILES)


def default_cache() -> Path:
    """``$VOXTRAL_CACHE``, else ``voxtral-b200`` in the user's cache folder."""
    if chosen := os.environ.get("VOXTRAL_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voxtral-b200"


def fetch(model: str | None, cache: Path) -> tuple[Path, str]:
    """A local folder with the checkpoint's files, and the name it goes by.

    ``model`` is None or ``embedded``, a folder, a Hub id (``mistralai/Voxtral-Mini-3B-2507``) or an fsspec
    URL; a folder wins over a Hub id of the same spelling. Raises :class:`CheckpointError`.
    """
    if model is None or model == EMBEDDED:
        return EMBEDDED_FOLDER, EMBEDDED
    if model.startswith("file://"):
        model = model.removeprefix("file://")
    if "://" in model:
        return _from_store(model, cache), model.rstrip("/")
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.resolve(), str(folder.resolve())
    if folder.exists():
        raise CheckpointError(f"{model} is a file: --model takes the folder that holds config.json and the weights")
    if _HUB_ID.fullmatch(model):
        return _from_hub(model), model
    raise CheckpointError(
        f"there is no checkpoint {model!r}: --model takes a folder, a Hugging Face id such as "
        "mistralai/Voxtral-Mini-3B-2507, a URL such as s3://bucket/voxtral, or 'embedded'"
    )


def _from_hub(model: str) -> Path:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    from huggingface_hub import constants, errors

    if os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1":
        constants.HF_HUB_DISABLE_TELEMETRY = True  # read at import, and somebody may have imported it before us
    try:
        return Path(huggingface_hub.snapshot_download(model, allow_patterns=list(FILES)))
    except errors.GatedRepoError as error:
        raise CheckpointError(
            f"{model} is gated: accept its terms at https://huggingface.co/{model}, then run `hf auth login` "
            "or set HF_TOKEN"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f"the Hugging Face Hub has no {model}, or it is private: check the spelling, or set HF_TOKEN"
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise CheckpointError(
            f"{model} is not in the local Hugging Face cache and the Hub cannot be reached: connect this "
            f"machine (unset HF_HUB_OFFLINE), or run `hf download {model}` where there is a network and give "
            "the folder as --model"
        ) from error
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise CheckpointError(f"{model} could not be downloaded from the Hugging Face Hub: {error}") from error


def _from_store(url: str, cache: Path) -> Path:
    """Copy the checkpoint once into a folder of the cache that is named after the files' names, sizes and
    versions."""
    import fsspec

    # Every store raises its own errors (botocore's are not even OSErrors), so all of them are caught and
    # named.
    try:
        store, root = fsspec.core.url_to_fs(url)
        entries = {e["name"].rsplit("/", 1)[-1]: e for e in store.ls(root, detail=True) if e["type"] == "file"}
    except Exception as error:
        raise CheckpointError(f"{url} could not be listed: {type(error).__name__}: {error}") from error
    entries = {name: entry for name, entry in entries.items() if wanted(name)}
    if not entries:
        raise CheckpointError(
            f"{url} holds no checkpoint: expected config.json, tekken.json and model*.safetensors there"
        )
    target = cache / "checkpoints" / _key(url, entries)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".copying-", dir=target.parent))
    try:
        for name, entry in entries.items():
            store.get_file(entry["name"], str(temporary / name))
            if (temporary / name).stat().st_size != entry["size"]:
                raise CheckpointError(f"{url}/{name} changed or was cut off while it was copied: run again")
        _publish(temporary, target)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"{url} could not be copied to {target.parent}: {type(error).__name__}: {error}"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _key(url: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    digest = hashlib.sha256(url.rstrip("/").encode())
    for name, entry in sorted(entries.items()):
        version = next(
            (entry[k] for k in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created") if k in entry),
            "",
        )
        digest.update(f"\n{name} {entry['size']} {version}".encode())
    return digest.hexdigest()[:32]


def _publish(temporary: Path, target: Path) -> None:
    """Rename the whole folder into place; when another process was faster, its copy is as good as ours."""
    try:
        temporary.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) or not target.is_dir():
            raise
