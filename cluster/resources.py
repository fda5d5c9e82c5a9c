"""How a cluster's CPUs and GPUs are shared between the stages of the job.

A pure function of what the cluster has. It knows three kinds of work: the *actors* that hold a model, the
*listen* stage (decode and VAD), and *light* stages that mostly wait (reading the rows, assembling subtitles).
It does not know Ray; the numbers are what Ray calls logical CPUs: they decide what is admitted, not what a
process may use.

Without a GPU every core is shared: 0.7 for an actor, 0.2 for listening, twice 0.05 for light work. Listening
is many times faster than a model on a CPU, so it gets few tasks, yet it must always find room beside the
actors, or nothing would feed them. As each core is shared in the same way, the parts fit on every node
whatever its size, and the operating system gives a core that an actor leaves idle to whoever wants it.
Single-threaded actors, one a core, beat one actor with many threads: token by token decoding hardly gains
from threads.

With GPUs there is one actor a GPU and one core for it; all other cores listen, for a fast GPU needs several
cores to feed it. Where there are fewer than two cores a GPU, actor and listening share what there is half and
half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ACTOR_SHARE, LISTEN_SHARE, LIGHT_SHARE = 0.70, 0.20, 0.05
"""Of a core; together 0.95, for two light tasks must find room at a time."""
LISTEN_MEMORY_GB = 0.5
ACTORS_PER_LISTEN_TASK = 4
"""On CPUs: one core listens to over a hundred seconds of audio a second, an actor translates tens."""
_STEP = 100
"""CPUs are given in hundredths, rounded down, so that sums stay below the cluster's."""


@dataclass(frozen=True)
class ResourcePlan:
    """What each stage asks for. ``*_cpus`` are logical CPUs of one actor or one task.

    ``min_actors`` always fit beside one listen and two light tasks, so the job can start; ``max_actors``
    exceeds what fits only where the caller asked for more (a cluster that grows). ``actor_shards`` are those
    that one actor works on at a time. ``listen_tasks`` is the most to run at once. ``torch_threads`` is what an actor
    gives to torch. ``notes`` tell a person where a wish could not be met.
    """

    actor_cpus: float
    actor_gpus: int
    listen_cpus: float
    light_cpus: float
    min_actors: int
    max_actors: int
    listen_tasks: int
    torch_threads: int
    actor_shards: int = 1
    notes: tuple[str, ...] = ()


def plan(
    cpus: float,
    gpus: int,
    memory_gb: float,
    min_actors: int | None = None,
    max_actors: int | None = None,
    *,
    actor_memory_gb: float = 1.5,
    node_cpus: float | None = None,
    shards: int | None = None,
    feed_cores: int | None = None,
    gpu_shards: int = 1,
) -> ResourcePlan:
    """Share a cluster.

    Args:
        cpus, gpus, memory_gb: what the whole cluster has.
        min_actors, max_actors: the caller's wishes; by default all that fit, from the start.
        actor_memory_gb: host memory of one actor with its model.
        node_cpus: cores of the smallest node that may hold an actor; by default the cluster is one node.
        shards: how much work there is: more actors than shards would only be started in vain.
        feed_cores: cores that must listen for each GPU (:func:`cluster.derived.cores_to_feed`); with fewer a note says
            so.
        gpu_shards: shards that fill a GPU's batch together (:func:`cluster.derived.shards_to_fill`). A core is busy
            with one.

    Raises:
        ValueError: no CPU, a wish below 1, or a minimum above the maximum.
    """
    _check(cpus, gpus, min_actors, max_actors)
    fit = gpus if gpus else _actors_on_cpus(cpus, memory_gb, actor_memory_gb)
    wanted = min(fit, max(1, shards)) if shards is not None else fit
    most = max_actors or max(wanted, min_actors or 1)
    if gpus:
        return _with_gpus(cpus, gpus, memory_gb, min_actors, most, feed_cores or 0, gpu_shards)
    return _without_gpus(cpus, memory_gb, min_actors, most, fit, node_cpus or cpus)


def _check(cpus: float, gpus: int, min_actors: int | None, max_actors: int | None) -> None:
    if cpus <= 0 or gpus < 0:
        raise ValueError(f"a cluster with {cpus} CPUs and {gpus} GPUs can run nothing")
    for name, wish in (("--min-actors", min_actors), ("--max-actors", max_actors)):
        if wish is not None and wish < 1:
            raise ValueError(f"{name} is {wish}; it must be at least 1")
    if min_actors and max_actors and min_actors > max_actors:
        raise ValueError(f"--min-actors {min_actors} is more than --max-actors {max_actors}")


def _with_gpus(
    cpus: float, gpus: int, memory_gb: float, min_actors: int | None, most: int, feed_cores: int, gpu_shards: int
) -> ResourcePlan:
    share = cpus / gpus
    actor_cpus = 1.0 if share >= 2 else _down(share / 2)
    listen_cpus = _down((1 - 2 * LIGHT_SHARE) * min(1.0, share - actor_cpus))
    at_once = min(most, gpus)
    left = cpus - at_once * actor_cpus
    notes = _too_many("GPUs", min_actors or 0, gpus)
    if share - actor_cpus < feed_cores:
        notes += (
            f"{share:.3g} CPU cores a GPU are few: {feed_cores} should listen for each beside its actor, or the GPUs "
            "wait; add nodes without GPUs",
        )
    return ResourcePlan(
        actor_cpus=actor_cpus,
        actor_gpus=1,
        listen_cpus=listen_cpus,
        light_cpus=_light(share / 2),
        min_actors=min(min_actors or most, at_once),
        max_actors=most,
        listen_tasks=_listen_tasks(left / (listen_cpus + 2 * _light(share / 2)), memory_gb),
        torch_threads=max(1, int(actor_cpus)),
        actor_shards=gpu_shards,
        notes=notes,
    )


def _without_gpus(
    cpus: float, memory_gb: float, min_actors: int | None, most: int, fit: int, node_cpus: float
) -> ResourcePlan:
    threads = max(1, min(int(node_cpus), int(cpus / most)))
    share = min(float(threads), cpus / most)
    return ResourcePlan(
        actor_cpus=_down(ACTOR_SHARE * share),
        actor_gpus=0,
        listen_cpus=_down(LISTEN_SHARE * min(1.0, cpus)),
        light_cpus=_light(cpus),
        min_actors=min_actors or most,
        max_actors=most,
        listen_tasks=_listen_tasks(min(int(cpus), math.ceil(most / ACTORS_PER_LISTEN_TASK)), memory_gb),
        torch_threads=threads,
        notes=_too_many("cores or memory", most, fit),
    )


def _actors_on_cpus(cpus: float, memory_gb: float, actor_memory_gb: float) -> int:
    """One a core, as far as four fifths of the memory go."""
    return max(1, min(int(cpus), int(0.8 * memory_gb / actor_memory_gb)))


def _listen_tasks(room: float, memory_gb: float) -> int:
    return max(1, min(int(room), int(0.5 * memory_gb / LISTEN_MEMORY_GB)))


def _light(cpus: float) -> float:
    return max(1 / _STEP, _down(LIGHT_SHARE * min(1.0, cpus)))


def _down(cpus: float) -> float:
    return max(1, math.floor(cpus * _STEP + 1e-6)) / _STEP


def _too_many(what: str, wish: int, fit: int) -> tuple[str, ...]:
    return (f"{wish} actors were asked for and there are {what} for {fit}",) if wish > fit else ()
