"""Checkpoints come from the package, folders, the Hub and stores; what is not one is refused with advice."""

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import fsspec
import huggingface_hub
import pytest
from huggingface_hub import errors

from b200_kernels import checkpoint_sources, checkpoints
from b200_kernels.checkpoints import (
    CheckpointError,
    UnsupportedPair,
    check_pair,
    default_model,
    open_checkpoint,
)


@pytest.fixture
def folder(blank: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(blank, tmp_path / "copy"))


@pytest.fixture
def store(blank: Path):
    """The checkpoint in an fsspec store that is not the disk."""
    memory = fsspec.filesystem("memory")
    memory.put(f"{blank}/", "/models/voxtral/", recursive=True)
    yield memory
    memory.rm("/models", recursive=True)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_gpu_gets_the_real_thing():
    assert default_model(has_gpu=True) == "mistralai/Voxtral-Mini-3B-2507"
    assert default_model(has_gpu=False) == "embedded"


def test_the_embedded_one_says_what_it_is():
    checkpoint = open_checkpoint(None)
    assert checkpoint.name == "embedded"
    assert checkpoint.demo_model
    assert checkpoint.capabilities.pairs == {("tr", "fr"), ("tr", "en")}
    assert checkpoint.capabilities.window_s < checkpoint.capabilities.chunk_s == 30.0
    assert checkpoint == open_checkpoint("embedded")


def test_a_folder_that_declares_nothing_is_an_ordinary_voxtral(blank):
    checkpoint = open_checkpoint(str(blank))
    assert checkpoint.folder == blank.resolve()
    assert not checkpoint.demo_model
    assert checkpoint.capabilities.languages == {"en", "es", "fr", "pt", "hi", "de", "nl", "it"}
    assert checkpoint.capabilities.window_s == checkpoint.capabilities.chunk_s == 30.0


def test_the_chunk_is_read_from_the_files(folder):
    edit(folder / "preprocessor_config.json", chunk_length=20)
    assert open_checkpoint(str(folder)).capabilities.chunk_s == 20.0
    (folder / "voxtral_b200.json").write_text('{"window_s": 25.0}')
    assert open_checkpoint(str(folder)).capabilities.window_s == 20.0


def test_the_digest_follows_what_is_read_and_nothing_else(folder):
    before = open_checkpoint(str(folder)).digest
    (folder / "README.md").write_text("a story")
    assert open_checkpoint(str(folder)).digest == before
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    assert open_checkpoint(str(folder)).digest != before


def test_the_digest_of_large_weights_is_sampled(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "_SMALL", 2**20)
    before = open_checkpoint(str(folder)).digest
    path = folder / "model.safetensors"
    weights = bytearray(path.read_bytes())
    weights[len(weights) // 2 :] = bytes(len(weights) - len(weights) // 2)
    path.write_bytes(weights)
    assert open_checkpoint(str(folder)).digest != before


def test_pickles_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin.*safetensors"):
        open_checkpoint(str(folder))


@pytest.mark.parametrize("name", ["config.json", "tekken.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=r"missing|no weights"):
        open_checkpoint(str(folder))


def test_another_architecture_is_refused(folder):
    edit(folder / "config.json", model_type="voxtral_realtime")
    with pytest.raises(CheckpointError, match="voxtral_realtime"):
        open_checkpoint(str(folder))


@pytest.mark.parametrize("content", ["{", "[]", '{"window_s": -1}', '{"windows": 3}'])
def test_a_bad_declaration_is_refused(folder, content):
    (folder / "voxtral_b200.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"voxtral_b200\.json"):
        open_checkpoint(str(folder))


def test_what_is_no_model_at_all(tmp_path):
    with pytest.raises(CheckpointError, match="--model takes"):
        open_checkpoint(str(tmp_path / "missing"))
    (tmp_path / "film.mp4").touch()
    with pytest.raises(CheckpointError, match="is a file"):
        open_checkpoint(str(tmp_path / "film.mp4"))


def test_a_store_is_copied_once(store, blank, tmp_path, monkeypatch):
    first = open_checkpoint("memory://models/voxtral", tmp_path)
    assert tmp_path in first.folder.parents
    assert first.digest == open_checkpoint(str(blank)).digest
    monkeypatch.setattr(store, "get_file", lambda *_, **__: pytest.fail("copied again"))
    assert open_checkpoint("memory://models/voxtral/", tmp_path).folder == first.folder


def test_a_changed_store_is_another_copy(store, tmp_path):
    first = open_checkpoint("memory://models/voxtral", tmp_path)
    store.pipe_file("/models/voxtral/voxtral_b200.json", b'{"window_s": 10.0}')
    second = open_checkpoint("memory://models/voxtral", tmp_path)
    assert second.folder != first.folder
    assert second.capabilities.window_s == 10.0


def test_a_broken_copy_leaves_nothing_behind(store, tmp_path, monkeypatch):
    def cut_off(remote: str, local: str) -> None:
        Path(local).write_bytes(b"half")
        if remote.endswith(".safetensors"):
            raise ConnectionResetError("gone")

    monkeypatch.setattr(store, "get_file", cut_off)
    with pytest.raises(CheckpointError):
        open_checkpoint("memory://models/voxtral", tmp_path)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_actors_that_copy_at_once_share_one_whole_copy(blank, tmp_path, monkeypatch):
    """All are held before their renames until all have copied, so every one but the first loses the race."""
    barrier = threading.Barrier(3)
    publish = checkpoint_sources._publish

    def wait_then_publish(temporary: Path, target: Path) -> None:
        barrier.wait(20)
        publish(temporary, target)

    monkeypatch.setattr(checkpoint_sources, "_publish", wait_then_publish)
    with ThreadPoolExecutor(3) as actors:
        found = set(actors.map(lambda _: open_checkpoint(f"local://{blank}", tmp_path), range(3)))
    (one,) = found
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == [one.folder.name]


def test_an_empty_or_missing_store(store, tmp_path):
    with pytest.raises(CheckpointError, match="could not be listed"):
        open_checkpoint("memory://models/nothing", tmp_path)
    with pytest.raises(CheckpointError, match="could not be listed"):
        open_checkpoint("nosuchstore://bucket/x", tmp_path)


def test_the_hub_is_asked_for_the_hubs_layout_only(blank, monkeypatch):
    asked = {}

    def snapshot(model: str, allow_patterns: list[str]) -> str:
        asked.update(model=model, patterns=allow_patterns)
        return str(blank)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    checkpoint = open_checkpoint("mistralai/Voxtral-Mini-3B-2507")
    assert checkpoint.name == asked["model"] == "mistralai/Voxtral-Mini-3B-2507"
    assert not checkpoint_sources.wanted("consolidated.safetensors")
    assert checkpoint_sources.wanted("model-00001-of-00002.safetensors")
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


class _Response:
    headers = MappingProxyType({})
    status_code = 403
    request = None


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (errors.LocalEntryNotFoundError("offline"), "hf download"),
        (errors.OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE"),
        (errors.GatedRepoError("gated", response=_Response()), "accept its terms"),
        (errors.RepositoryNotFoundError("404", response=_Response()), "check the spelling"),
        (ConnectionError("no route"), "could not be downloaded"),
    ],
)
def test_the_hubs_errors_say_what_to_do(monkeypatch, error, advice):
    def fail(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(CheckpointError, match=advice):
        open_checkpoint("mistralai/Voxtral-Mini-3B-2507")


def test_the_embedded_one_refuses_other_pairs():
    capabilities = open_checkpoint(None).capabilities
    assert check_pair(capabilities, "tr", "fr") is None
    assert check_pair(capabilities, "tr", "tr") is None
    for pair in (("tr", "de"), ("fr", "tr"), ("en", "en")):
        with pytest.raises(UnsupportedPair, match="--model mistralai"):
            check_pair(capabilities, *pair)


def test_a_real_one_warns(blank):
    capabilities = open_checkpoint(str(blank)).capabilities
    assert check_pair(capabilities, "de", "fr") is None
    warning = check_pair(capabilities, "tr", "fr")
    assert warning is not None
    assert warning.startswith("tr is not among")
