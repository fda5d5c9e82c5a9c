"""The sequences in flight: windows join between steps, every step writes a token of each, finished ones leave.

A window's audio is encoded and taken in once, and all tasks of the window read the same pages. Sequences are the rows
of every step, without gaps: where one leaves, the last one takes its row. It runs in one thread, on one device; it
knows token ids and embeddings, not texts, and not who asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from b200_kernels import prompts
from b200_kernels.compiled.decoder import Listening
from b200_kernels.compiled.pages import PAGE, Pages, whole_pages
from b200_kernels.compiled.recording import CudaRecorder, Outputs, Recorded
from b200_kernels.compiled.stopwatch import Stopwatch
from b200_kernels.compiled.weights import Voxtral
from b200_kernels.generation import Answer, draw
from b200_kernels.ops.greedy_head.op import greedy_head
from b200_kernels.ops.log_mel.op import log_mel


@dataclass
class Writing:
    """One task being answered.

    ``prompt`` are its token ids; ``heard`` its rows of attention, where ``listen`` asks for them; ``length`` the
    positions that are filled.
    """

    prompt: list[int]
    answer: Answer
    temperature: float = 0.0
    generator: torch.Generator | None = None
    listen: bool = False
    heard: list[Tensor] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    row: int = -1
    length: int = 0

    def begin_again(self) -> None:
        """Forget what was written."""
        self.answer, self.heard = type(self.answer)(self.answer.budget), []
        if self.generator is not None:
            self.generator.manual_seed(self.generator.initial_seed())


@dataclass
class Job:
    """One window: its whole chunk of float32 samples (None for text alone) and what is written about it."""

    samples: np.ndarray | None
    writings: list[Writing]

    @property
    def done(self) -> bool:
        return all(writing.answer.finish_reason is not None for writing in self.writings)


class Batch:
    """At most ``rows`` sequences in flight, of at most ``longest`` positions.

    ``encode_at_once`` windows are encoded together. ``check_every`` is how many steps pass between looks at the
    answers: a look makes the device wait, and no look lets finished sequences go on. A step is computed with
    ``least_rows`` at least, used or not, because a product's last bits depend on how many rows are computed together:
    where all steps have all rows, and windows are encoded one by one, an answer does not depend on its neighbours.
    """

    def __init__(
        self,
        voxtral: Voxtral,
        pages: Pages,
        rows: int,
        longest: int,
        listening: Listening | None = None,
        encode_at_once: int = 1,
        check_every: int = 1,
        least_rows: int = 1,
    ) -> None:
        self.voxtral, self.pages, self.listening = voxtral, pages, listening
        self.most_rows, self.least_rows = rows, min(least_rows, rows)
        self.encode_at_once, self.check_every = encode_at_once, check_every
        self.rows: list[Writing] = []
        self.device = pages.device
        self.dtype = voxtral.decoder.embed.weight.dtype
        self._tokens = torch.zeros(rows, dtype=torch.int64, device=self.device)
        self._positions = torch.zeros(rows, dtype=torch.int64, device=self.device)
        self._pages_of = torch.zeros(rows, whole_pages(longest), dtype=torch.int32, device=self.device)
        self._unread: list[tuple[list[Writing], Tensor, Tensor]] = []
        self._recorded = Recorded(self._compute, rows, CudaRecorder()) if self.device.type == "cuda" else None
        self.stopwatch = Stopwatch(self.device)

    def warm_up(self) -> None:
        """On a GPU: compile, and record steps of every size, before anybody waits."""
        if self._recorded is None:
            return
        silence = np.zeros(self.voxtral.shape.encoder.samples, dtype=np.float32)
        with torch.inference_mode():
            for windows in {1, self.encode_at_once}:
                self._encode([silence] * windows)
            self._recorded.record_all(listen=self.listening is not None)
        self.stopwatch.seconds.clear()

    def fits(self, job: Job) -> bool:
        """Whether there is room for one more."""
        own = sum(map(self._pages_needed, job.writings))
        return len(self.rows) + len(job.writings) <= self.most_rows and own <= self.pages.free

    def holds(self, job: Job) -> bool:
        """Whether there is room for it when nothing else is in flight."""
        return len(job.writings) <= self.most_rows and sum(map(self._pages_needed, job.writings)) <= self.pages.count

    def _pages_needed(self, writing: Writing) -> int:
        return whole_pages(len(writing.prompt) + writing.answer.budget + self.check_every)

    def drop(self, jobs: Sequence[Job]) -> None:
        """Forget sequences that nobody waits for any more."""
        self._read()
        gone = {id(writing) for job in jobs for writing in job.writings}
        for writing in [writing for writing in self.rows if id(writing) in gone]:
            self._leave(writing)

    def join(self, jobs: Sequence[Job]) -> None:
        """Take in prompts; every sequence has its first token afterwards. All of them must fit together.

        On an error none of them has joined.
        """
        self._read()
        try:
            heard = [job for job in jobs if job.samples is not None]
            for first in range(0, len(heard), self.encode_at_once):
                self._listen(heard[first : first + self.encode_at_once])
            writings = [writing for job in jobs for writing in job.writings]
            for writing in writings:
                self._place(writing)
            with self.stopwatch("prefill"):
                self._begin(writings)
        except BaseException:
            for job in jobs:
                for writing in job.writings:
                    self._leave(writing)
            raise
        self._read()
        self._sweep()

    def step(self) -> None:
        """One token for every sequence; those that end are gone once the answers have been looked at."""
        b = max(len(self.rows), self.least_rows)
        with self.stopwatch("decode"):
            listeners = self._listeners(self.rows, range(len(self.rows)))
            if self._recorded is None:
                inputs = self._tokens[:b], self._positions[:b], self._pages_of[:b]
                hidden, heard = self._decode(*inputs, listeners)
                chosen = greedy_head(hidden, self.voxtral.decoder.head.weight)
            else:
                hidden, *chosen, all_heard = self._recorded(b, bool(listeners))
                heard = [all_heard[row] for row in listeners]
            self._choose(self.rows, hidden, *chosen)
            self._keep(self.rows, heard)
        self._positions[: len(self.rows)] += 1
        for writing in self.rows:
            writing.length += 1
        if len(self._unread) >= self.check_every:
            self._read()
            self._sweep()

    def _listen(self, jobs: Sequence[Job]) -> None:
        """What the prompts of some windows begin with, up to the last audio token, into pages that all tasks share."""
        spoken = [[w for w in job.writings if prompts.AUDIO in w.prompt] for job in jobs]
        prompt = spoken[0][0].prompt
        length = len(prompt) - prompt[::-1].index(prompts.AUDIO)
        for lead, *_ in spoken:
            lead.pages = self.pages.reserve(self._pages_needed(lead))
        audio = self._encode([job.samples for job in jobs if job.samples is not None])
        embedded = self._embed(prompt[:length]).repeat(len(jobs), 1, 1)
        embedded[:, length - audio.shape[1] :] = audio.to(embedded.dtype)
        shared = torch.tensor([lead.pages[: whole_pages(length)] for lead, *_ in spoken], device=self.device)
        with self.stopwatch("prefill"):
            self.voxtral.decoder.listen(embedded, shared, self.pages)
        whole, rest = divmod(length, PAGE)
        for lead, *others in spoken:
            lead.length = length
            for other in others:
                own = self.pages.reserve(self._pages_needed(other) - whole)
                self.pages.share(lead.pages[:whole])
                other.pages = lead.pages[:whole] + own
                self.pages.copy(lead.pages[whole], other.pages[whole], rest)
                other.length = length

    def _encode(self, samples: Sequence[np.ndarray]) -> Tensor:
        """(n, tokens, width) of whole chunks."""
        sound = torch.from_numpy(np.stack(samples)).to(self.device)
        with self.stopwatch("mel"):
            mel = log_mel(sound, self.voxtral.shape.encoder.mel_bins)
        with self.stopwatch("encoder"):
            tokens: Tensor = self.voxtral.encoder(mel.to(self.dtype))
        return tokens

    def _place(self, writing: Writing) -> None:
        """The next row, and pages where the sequence has none yet."""
        if not writing.pages:
            writing.pages = self.pages.reserve(self._pages_needed(writing))
        writing.row = len(self.rows)
        self.rows.append(writing)
        self._pages_of[writing.row, : len(writing.pages)] = torch.tensor(
            writing.pages, dtype=torch.int32, device=self.device
        )

    def _begin(self, writings: Sequence[Writing]) -> None:
        """The rest of every prompt, all of them packed as rows of one step, and every first token."""
        tokens = [token for writing in writings for token in writing.prompt[writing.length :]]
        positions = [at for writing in writings for at in range(writing.length, len(writing.prompt))]
        rows = [writing.row for writing in writings for _ in range(writing.length, len(writing.prompt))]
        last = list(accumulate(len(writing.prompt) - writing.length for writing in writings))
        hidden, heard = self._decode(
            torch.tensor(tokens, device=self.device),
            torch.tensor(positions, device=self.device),
            self._pages_of[torch.tensor(rows, device=self.device)],
            self._listeners(writings, [end - 1 for end in last]),
        )
        for writing in writings:
            writing.length = len(writing.prompt)
        at = slice(writings[0].row, writings[-1].row + 1)
        self._positions[at] = torch.tensor([writing.length for writing in writings], device=self.device)
        hidden = hidden[torch.tensor(last, device=self.device) - 1]
        self._choose(writings, hidden, *greedy_head(hidden, self.voxtral.decoder.head.weight))
        self._keep(writings, heard)

    def _listeners(self, writings: Sequence[Writing], rows: Sequence[int]) -> list[int]:
        """Those of ``rows`` that write the next token of a listening one of ``writings``."""
        if self.listening is None:
            return []
        return [row for writing, row in zip(writings, rows, strict=True) if writing.listen]

    def _decode(
        self, tokens: Tensor, positions: Tensor, pages_of: Tensor, listeners: Sequence[int]
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """A step of the decoder: states of all rows, and what the ``listeners`` heard."""
        if not listeners:
            return self.voxtral.decoder.step(tokens, positions, pages_of, self.pages)[0], ()
        asked = torch.tensor(listeners, device=self.device)
        hidden, heard = self.voxtral.decoder.step(tokens, positions, pages_of, self.pages, self.listening, asked)
        return hidden, () if heard is None else heard.unbind()

    def _compute(self, rows: int, listen: bool) -> Outputs:
        """A step of the first rows with the choice of their tokens, to be recorded: all of them listen, or none.

        States, tokens, log-probabilities, and what was heard (nothing: (rows, 0)).
        """
        inputs = self._tokens[:rows], self._positions[:rows], self._pages_of[:rows]
        hidden, heard = self.voxtral.decoder.step(*inputs, self.pages, self.listening if listen else None)
        chosen = greedy_head(hidden, self.voxtral.decoder.head.weight)
        return hidden, *chosen, hidden.new_empty(rows, 0) if heard is None else heard

    def _keep(self, writings: Sequence[Writing], heard: Sequence[Tensor]) -> None:
        """What the listening ones of ``writings`` heard."""
        if heard:
            for writing, row in zip((w for w in writings if w.listen), heard, strict=True):
                writing.heard.append(row)

    def _embed(self, ids: Sequence[int]) -> Tensor:
        embedded: Tensor = self.voxtral.decoder.embed(torch.tensor(ids, device=self.device))
        return embedded

    def _choose(self, writings: Sequence[Writing], hidden: Tensor, tokens: Tensor, logprobs: Tensor) -> None:
        """Keep the next tokens of neighbouring rows on the device, to be read later: the greedy ones, or drawn."""
        head = self.voxtral.decoder.head.weight
        for at, writing in enumerate(writings):
            if writing.generator is not None:
                logits = (hidden[at : at + 1] @ head.T).float()
                token = draw(logits, writing.temperature, [writing.generator]).argmax(-1)
                tokens[at : at + 1] = token
                logprobs[at : at + 1] = logits.log_softmax(-1).gather(-1, token[:, None])[:, 0]
        self._tokens[writings[0].row : writings[-1].row + 1] = tokens[: len(writings)]
        self._unread.append((list(writings), tokens, logprobs))

    def _read(self) -> None:
        """Bring what was chosen since the last look to the answers: the one place that waits for the device."""
        for writings, tokens, logprobs in self._unread:
            # Only the first transfer waits: the others find the device idle already.
            for writing, token, logprob in zip(writings, tokens.tolist(), logprobs.tolist(), strict=False):
                writing.answer.add(token, logprob)
        self._unread.clear()

    def _sweep(self) -> None:
        for writing in [writing for writing in self.rows if writing.answer.finish_reason is not None]:
            self._leave(writing)

    def _leave(self, writing: Writing) -> None:
        """Give back a sequence's pages and row; the last one takes its row."""
        self.pages.release(writing.pages)
        writing.pages, writing.length = [], 0
        if writing.row < 0:
            return
        moved = self.rows.pop()
        if moved is not writing:
            row, last = writing.row, len(self.rows)
            for tensor in (self._tokens, self._positions, self._pages_of):
                tensor[row] = tensor[last]
            self.rows[row], moved.row = moved, row
        self._positions[len(self.rows)] = 0
        self._pages_of[len(self.rows)] = 0
        writing.row = -1
