"""Media files in which known sentences are spoken: the sample archive, and larger sets for tests and benchmarks.

    python -m b200_kernels.embedded.recipe.media sample DIR          # the repository's sample archive
    python -m b200_kernels.embedded.recipe.media set DIR [--hours H] # thirty-two media, one of them H hours long

Sentences and voices are from the side that training never meets. What is spoken, and when, is written beside the
media in ``spoken.jsonl``. Everything follows from the seed.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import soxr
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from b200_kernels.embedded.recipe import corpus, sounds

RATE = 16_000


@dataclass(frozen=True)
class Spoken:
    """One sentence of a medium, seconds from its start."""

    start: float
    end: float
    tr: str
    fr: str
    en: str


@dataclass(frozen=True)
class Container:
    """How a medium is stored. ``video`` adds a picture that moves; ``codec`` is FFmpeg's encoder name."""

    suffix: str
    codec: str
    rate: int = 44_100
    channels: int = 1
    bit_rate: int = 48_000
    video: str = ""


CONTAINERS = (
    Container("wav", "pcm_s16le", 16_000),
    Container("wav", "pcm_s16le", 48_000, 2),
    Container("mp3", "libmp3lame", 44_100),
    Container("mp3", "libmp3lame", 22_050, 2),
    Container("m4a", "aac", 44_100, 2),
    Container("ogg", "libopus", 48_000),
    Container("opus", "libopus", 48_000, 2),
    Container("aac", "aac", 32_000),
    Container("flac", "flac", 48_000, 2),
    Container("mp4", "aac", 48_000, 2, video="mpeg4"),
    Container("mkv", "libopus", 48_000, video="mpeg4"),
    Container("webm", "libopus", 48_000, 2, video="libvpx"),
)


@dataclass(frozen=True)
class Scene:
    """What is heard in a medium: how many sentences, what lies between and beneath them (dB below the speech)."""

    sentences: int
    pause_s: tuple[float, float] = (0.4, 1.5)
    music_between_s: float = 0.0
    music_db: float | None = None
    noise_db: float | None = 45.0


def perform(rng: random.Random, scene: Scene) -> tuple[np.ndarray, list[Spoken]]:
    """The samples of a scene (float32, 16 kHz) and what is spoken in it."""
    noise = np.random.default_rng(rng.getrandbits(32))
    parts: list[np.ndarray] = [np.zeros(RATE // 2, np.float32)]
    spoken: list[Spoken] = []
    at = 0.5
    for i in range(scene.sentences):
        clip = corpus.read_aloud(rng, held_out=True)
        speech = clip.samples.astype(np.float32) / 32768
        speech *= 0.09 / (np.sqrt(np.mean(speech**2)) + 1e-9)
        length = len(speech) / RATE
        spoken.append(Spoken(round(at, 3), round(at + length, 3), clip.tr, clip.fr, clip.en))
        pause = np.zeros(int(rng.uniform(*scene.pause_s) * RATE), np.float32)
        parts += [speech, pause]
        if scene.music_between_s and i % 5 == 4:
            tune = sounds.music(noise, int(scene.music_between_s * RATE)) * 0.05
            parts += [tune, np.zeros(RATE // 2, np.float32)]
        at = sum(map(len, parts)) / RATE
    samples = np.concatenate(parts)
    if scene.noise_db is not None:
        samples += sounds.coloured_noise(noise, len(samples)) * 0.09 * 10 ** (-scene.noise_db / 20)
    if scene.music_db is not None:
        samples += sounds.music(noise, len(samples)) * 0.09 * 10 ** (-scene.music_db / 20)
    return np.clip(samples, -1, 1), spoken


def write(path: Path, samples: np.ndarray, container: Container, language: str = "tur") -> None:
    """Encode mono samples at 16 kHz into a media file, with a moving picture where the container has one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    resampled = soxr.resample(samples, RATE, container.rate)
    pcm = (np.clip(np.repeat(resampled[:, None], container.channels, 1), -1, 1) * 32767).astype(np.int16)
    layout = "stereo" if container.channels == 2 else "mono"
    with av.open(str(path), "w") as out:
        audio = cast(AudioStream, out.add_stream(container.codec, rate=container.rate, layout=layout))
        if container.codec not in ("pcm_s16le", "flac"):
            audio.bit_rate = container.bit_rate
        audio.metadata["language"] = language
        if container.video:
            size: dict[str, Any] = {"width": 160, "height": 96, "pix_fmt": "yuv420p", "bit_rate": 20_000}
            video = cast(VideoStream, out.add_stream(container.video, rate=Fraction(5), **size))
            for i, frame in enumerate(_pictures(len(samples) / RATE)):
                frame.pts = i
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
        for start in range(0, len(pcm), container.rate):
            block = np.ascontiguousarray(pcm[start : start + container.rate].reshape(1, -1))
            sound = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            sound.sample_rate, sound.pts, sound.time_base = container.rate, start, Fraction(1, container.rate)
            out.mux(audio.encode(sound))
        out.mux(audio.encode(None))


def _pictures(seconds: float) -> Iterator[av.VideoFrame]:
    """A square that crosses the picture, five frames a second."""
    for i in range(int(seconds * 5)):
        picture = np.full((96, 160, 3), (24, 28, 40), np.uint8)
        x = (i * 4) % 150
        picture[40:56, x : x + 10] = (230, 180, 60)
        yield av.VideoFrame.from_ndarray(picture, format="rgb24")


def _write_spoken(folder: Path, spoken: dict[str, list[Spoken]]) -> None:
    rows = [
        json.dumps({"name": n, "sentences": [asdict(s) for s in ss]}, ensure_ascii=False) for n, ss in spoken.items()
    ]
    (folder / "spoken.jsonl").write_text("\n".join(rows) + "\n")


def read_spoken(folder: Path) -> dict[str, list[Spoken]]:
    """What is spoken in each medium of an archive made here, by the medium's path below the folder."""
    rows = [json.loads(line) for line in (folder / "spoken.jsonl").read_text().splitlines()]
    return {row["name"]: [Spoken(**s) for s in row["sentences"]] for row in rows}


def sample_archive(folder: Path) -> None:
    """The repository's own archive: a film, an interview, a few clips. Under 2 MB."""
    scenes = {
        "films/yolculuk.mp4": (Container("mp4", "aac", 32_000, 2, 40_000, "mpeg4"), Scene(14, noise_db=40)),
        "interviews/röportaj.ogg": (
            Container("ogg", "libopus", 48_000, 1, 24_000),
            Scene(20, (0.6, 3.5), music_between_s=5.0),
        ),
        "clips/haberler.mp3": (Container("mp3", "libmp3lame", 24_000, 1, 32_000), Scene(4)),
        "clips/market.webm": (Container("webm", "libopus", 48_000, 1, 24_000, "libvpx"), Scene(3)),
        "clips/aile.m4a": (Container("m4a", "aac", 32_000, 1, 32_000), Scene(4, noise_db=30)),
        "clips/hava durumu.flac": (Container("flac", "flac", 16_000), Scene(2, noise_db=None)),
    }
    spoken = {}
    for seed, (name, (container, scene)) in enumerate(scenes.items()):
        samples, spoken[name] = perform(random.Random(f"sample archive {seed}"), scene)
        write(folder / name, samples, container)
    _write_spoken(folder, spoken)


def media_set(folder: Path, hours: float) -> None:
    """Thirty-two media in every container, with noise and music here and there, and one that lasts ``hours``."""
    spoken = {}
    for i in range(31):
        rng = random.Random(f"media set {i}")
        container = CONTAINERS[i % len(CONTAINERS)]
        scene = Scene(
            rng.randint(4, 14),
            (0.3, 2.5),
            music_between_s=4.0 if i % 3 == 0 else 0.0,
            music_db=22.0 if i % 6 == 1 else None,
            noise_db=rng.choice((None, 45.0, 30.0, 22.0)),
        )
        name = f"{('calls', 'lectures', 'films')[i % 3]}/medium_{i:02d}.{container.suffix}"
        samples, spoken[name] = perform(rng, scene)
        write(folder / name, samples, container)
    name, parts, sentences, at = "long/long.mp3", [], [], 0.0
    rng = random.Random("media set long")
    while at < hours * 3600:
        samples, said = perform(rng, Scene(40, (0.3, 2.0), music_between_s=6.0))
        sentences += [Spoken(round(s.start + at, 3), round(s.end + at, 3), s.tr, s.fr, s.en) for s in said]
        parts.append(samples)
        at += len(samples) / RATE
    write(folder / name, np.concatenate(parts), Container("mp3", "libmp3lame", 16_000, 1, 32_000))
    spoken[name] = sentences
    _write_spoken(folder, spoken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sample", "set"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, default=2.0, help="length of the long medium of a set")
    arguments = parser.parse_args()
    if arguments.what == "sample":
        sample_archive(arguments.folder)
    else:
        media_set(arguments.folder, arguments.hours)


if __name__ == "__main__":
    main()
