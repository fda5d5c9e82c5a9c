"""Settings derived from a machine and what a model asks of it, each with its reason.

Pure arithmetic: :mod:`cluster.hardware` looks at the machine, :mod:`cluster.resources` shares it out, and the engine
asks :func:`rows_in_flight` with the memory that is really free. It does not measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.chips import Chip, chip_named
from cluster.model_needs import VOXTRAL_MINI, ModelNeeds
from cluster.resources import plan

MOST_ROWS = 256
"""Texts in flight on a GPU that is not in the table."""
WINDOWS_A_SHARD = 20.0
"""Full windows of 30 s in a shard of 600 s."""
KV_SHARE = 0.85
"""Of the memory that the weights leave, for keys and values; the rest is for activations."""
LISTEN_RATE = 260.0
"""Seconds of sound that one core decodes and searches for speech in a second: the slowest format of ``make stages``
(docs/log.md, 2026-11-22, a Xeon with AMX): opus 296, VAD 2230 and windows 71200 make
1 / (1/296 + 1/2230 + 1/71200) = 260; mp3 (464) makes 382.
"""
SHARE_OF_LIMIT = 0.75
"""Of what a GPU's peaks allow, for sizing: an assumption, until one was measured. The compiled engine got 58 to 89 % of
its limit on a CPU (docs/log.md).
"""
UNKNOWN_GPU_CORES = 4
"""Cores to feed a GPU that is not in the table."""


@dataclass(frozen=True)
class Machine:
    """What one process may use. ``gpu``: the first GPU's name as its driver tells it, None without one; ``gpu_bytes``,
    ``gpu_processors`` (0: not told) and ``capability`` are that GPU's, a MIG slice's own where it is one; ``gpus``: how
    many there are; ``cores``: possibly a fraction; ``memory_bytes``: of the host, within the container's limit.
    """

    cores: float
    memory_bytes: int
    gpu: str | None = None
    gpus: int = 0
    gpu_bytes: int = 0
    gpu_processors: int = 0
    capability: tuple[int, int] | None = None

    @property
    def chip(self) -> Chip | None:
        return chip_named(self.gpu)

    @property
    def slice(self) -> float:
        """Share of the chip's processors: less than 1 for a MIG slice."""
        if self.chip is None or not self.gpu_processors:
            return 1.0
        return min(1.0, self.gpu_processors / self.chip.processors)


@dataclass(frozen=True)
class Setting:
    """One derived value, and why it is what it is."""

    name: str
    value: str | int | float
    reason: str


@dataclass(frozen=True)
class Derived:
    """Settings by name, in the order in which a person reads them; ``notes`` tell what this machine lacks."""

    settings: dict[str, Setting]
    notes: tuple[str, ...]


def derive(machine: Machine, needs: ModelNeeds = VOXTRAL_MINI, *, actor_memory_gb: float = 1.5) -> Derived:
    """The settings of :func:`cluster.hardware.get_optimal_config`, for a model whose actor takes so much of the host's
    memory (GiB).
    """
    model = _on_a_gpu(machine, needs) if machine.gpus else _on_a_cpu()
    feed = cores_to_feed(machine.gpu, needs, machine.slice) if machine.gpus else 0
    windows = next(int(setting.value) for setting in model if setting.name == "batch_size")
    shares = plan(
        max(1, int(machine.cores)),
        machine.gpus,
        machine.memory_bytes / 2**30,
        actor_memory_gb=actor_memory_gb,
        feed_cores=feed or None,
        gpu_shards=shards_to_fill(windows),
    )
    what = "GPU" if machine.gpus else "core, as far as memory goes"
    settings = (
        Setting("device", "cuda:0" if machine.gpus else "cpu", machine.gpu or "torch can use no GPU here"),
        Setting("dtype", number_format(machine.capability), _format_reason(machine.capability)),
        *model,
        Setting("actors", shares.max_actors, f"one a {what}"),
        Setting("actor_cpus", shares.actor_cpus, "so that actors, listening and light tasks fit side by side"),
        Setting("actor_gpus", shares.actor_gpus, "a model fits one GPU" if machine.gpus else "there is none"),
        Setting("actor_shards", shares.actor_shards, _shards_reason(machine, windows)),
        Setting("listen_tasks", shares.listen_tasks, "decode and VAD at a time, in the cores that actors leave"),
        Setting("listen_cpus", shares.listen_cpus, "logical CPUs of each"),
        Setting("torch_threads", shares.torch_threads, "threads of an actor"),
        Setting("cores_to_feed_gpu", feed, _feed_reason(machine, needs)),
    )
    return Derived({setting.name: setting for setting in settings}, (*_too_small(machine, needs), *shares.notes))


def number_format(capability: tuple[int, int] | None) -> str:
    """``bfloat16`` on GPUs of compute capability 8.0 (Ampere) and above, ``float16`` on older ones, ``float32`` on a
    CPU (None).
    """
    if capability is None:
        return "float32"
    return "bfloat16" if capability >= (8, 0) else "float16"


def most_rows(chip: Chip | None) -> int:
    """Texts in flight beyond which a step costs as much more as it gives.

    A step reads all weights once and multiplies them once a text. The two take the same time at
    rows = flops * bytes a number / (2 * bandwidth), whatever the model: B200 2250e12 * 2 / (2 * 8e12) = 281, H200 206,
    A100 153; the nearest power of two counts, for steps are recorded by their rows: 256, 256, 128.
    """
    if chip is None:
        return MOST_ROWS
    ridge = chip.tflops["bfloat16"] * 1e12 * 2 / (2 * chip.bandwidth_gb_s * 1e9)
    return int(2 ** round(math.log2(ridge)))


def rows_in_flight(free_bytes: int, sequence_bytes: int, chip: Chip | None) -> int:
    """Texts in flight on a GPU with so much memory left beside the weights; 0 where not one fits."""
    return max(0, min(most_rows(chip), int(free_bytes * KV_SHARE) // sequence_bytes))


def shards_to_fill(windows: int = MOST_ROWS // VOXTRAL_MINI.texts, windows_a_shard: float = WINDOWS_A_SHARD) -> int:
    """Shards that together have so many windows: an actor asks for all windows of a shard at once, and 20 of them
    would leave most of a GPU's batch empty: 128 windows want ceil(128 / 20) = 7 shards.
    """
    return max(1, math.ceil(windows / windows_a_shard))


def audio_rate(chip: Chip, needs: ModelNeeds, rows: int, share: float = 1.0) -> float:
    """Seconds of unbroken speech a second, by ``share`` of a chip (of its processors and its bandwidth) at its peaks.

    A window takes listen_flops / flops, and then for its tokens the longer of two: token_flops / flops, and
    (step_bytes / rows + keys_bytes) / bandwidth. One after another: a B200, 256 rows and Voxtral Mini make
    4.93e12 / 2.25e15 + 240 * (7.22e9 / 256 + 55.3e6) / 8e12 = 2.19 + 2.50 = 4.70 ms for 30 s, a rate of 6,390.
    """
    flops, bandwidth = chip.tflops["bfloat16"] * 1e12 * share, chip.bandwidth_gb_s * 1e9 * share
    token_s = max(needs.token_flops / flops, (needs.step_bytes / max(1, rows) + needs.keys_bytes) / bandwidth)
    return needs.window_s / (needs.listen_flops / flops + needs.tokens * token_s)


def cores_to_feed(gpu: str | None, needs: ModelNeeds = VOXTRAL_MINI, share: float = 1.0) -> int:
    """CPU cores that must listen so that one such GPU (or slice) never waits for speech.

    audio_rate * SHARE_OF_LIMIT / LISTEN_RATE, rounded up: a B200 6,390 * 0.75 / 260 = 18.4, so 19. For speech without
    pauses, in the slowest format; an archive of which half is speech needs twice as many, for a pause costs a listener
    as much as a word and the GPU nothing.
    """
    chip = chip_named(gpu)
    if chip is None:
        return UNKNOWN_GPU_CORES
    return math.ceil(audio_rate(chip, needs, most_rows(chip), share) * SHARE_OF_LIMIT / LISTEN_RATE)


def media_rate(machine: Machine, needs: ModelNeeds) -> float:
    """Seconds of media a second, all of it speech, that a machine with a GPU of the table may reach: the lesser of its
    GPUs at SHARE_OF_LIMIT of their limit and of the cores that listen. Raises ValueError for another machine.
    """
    if machine.chip is None:
        raise ValueError(f"nothing is known of {machine.gpu}")
    rows = rows_in_flight(machine.gpu_bytes - needs.weights_bytes, needs.sequence_bytes, machine.chip)
    speech = machine.gpus * SHARE_OF_LIMIT * audio_rate(machine.chip, needs, rows, machine.slice)
    return min(speech, max(0.5, machine.cores - machine.gpus) * LISTEN_RATE)


def _on_a_gpu(machine: Machine, needs: ModelNeeds) -> tuple[Setting, ...]:
    free = machine.gpu_bytes - needs.weights_bytes
    rows = rows_in_flight(free, needs.sequence_bytes, machine.chip)
    limit = most_rows(machine.chip)
    gb = needs.sequence_bytes / 1e9
    fits = f"{KV_SHARE:g} of the {max(0, free) / 1e9:.0f} GB beside {needs.weights_bytes / 1e9:.1f} GB of weights"
    if rows < limit:
        why = f"texts in flight: as many as {fits} hold, {gb:.2f} GB each"
    else:
        why = f"texts in flight: beyond, a step costs as much more as it gives on {_chip_words(machine)}"
    return (
        Setting(
            "batch_size",
            max(1, rows // needs.texts),
            f"windows at once: {rows} texts in flight, {needs.texts} a window",
        ),
        Setting("rows", rows, why),
        Setting("kv_pages", rows * needs.sequence_pages + 1, f"{needs.sequence_pages} a text, and one for padding"),
    )


def _too_small(machine: Machine, needs: ModelNeeds) -> tuple[str, ...]:
    free = machine.gpu_bytes - needs.weights_bytes
    if not machine.gpus or rows_in_flight(free, needs.sequence_bytes, machine.chip) >= needs.texts:
        return ()
    return (
        f"{machine.gpu} has {machine.gpu_bytes / 1e9:.0f} GB, the model's weights take {needs.weights_bytes / 1e9:.1f} "
        "in bf16: take a larger GPU or slice, or a smaller model",
    )


def _on_a_cpu() -> tuple[Setting, ...]:
    return (
        Setting("batch_size", 1, "a core is busy with one window"),
        Setting("rows", 0, "an engine on a CPU takes what its lanes hold"),
        Setting("kv_pages", 0, "as its lanes need"),
    )


def _shards_reason(machine: Machine, windows: int) -> str:
    if not machine.gpus:
        return "shards that an actor works on at a time: a core is busy with one"
    return f"shards that an actor works on at a time: {windows} windows, {WINDOWS_A_SHARD:g} a shard"


def _chip_words(machine: Machine) -> str:
    chip = machine.chip
    if chip is None:
        return f"{machine.gpu}, which is not in the table: a guess"
    part = f"{machine.slice:.0%} of one {chip.name}" if machine.slice < 1 else f"one {chip.name}"
    return f"{part} ({chip.tflops['bfloat16']:g} TFLOP/s, {chip.bandwidth_gb_s / 1000:g} TB/s)"


def _format_reason(capability: tuple[int, int] | None) -> str:
    if capability is None:
        return "a CPU; the compiled engine multiplies by three bf16 products where it has AMX"
    major, minor = capability
    since = "computes in bf16" if capability >= (8, 0) else "is too old for bf16"
    return f"compute capability {major}.{minor} {since}"


def _feed_reason(machine: Machine, needs: ModelNeeds) -> str:
    chip = machine.chip
    if not machine.gpus:
        return "there is no GPU to feed"
    if chip is None:
        return f"{machine.gpu} is not in the table: a guess"
    rate = audio_rate(chip, needs, most_rows(chip), machine.slice)
    return (
        f"{SHARE_OF_LIMIT:.0%} (assumed) of the {rate:,.0f} s of speech a second that {_chip_words(machine)} allows at "
        f"most, over the {LISTEN_RATE:g} s that a core listens to"
    )
