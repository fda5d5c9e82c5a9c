"""Train the embedded checkpoint from nothing, on a CPU.

    python -m b200_kernels.embedded.recipe.train --work DIR [--resume] [--minutes M] [--decay-minutes D]

A CTC head on the encoder's 50 Hz output (dropped afterwards) is what makes it learn: first the encoder alone, then
encoder and decoder together. The learning rate stays level, so that a run can be stopped and resumed at any
checkpoint, and falls to zero only in the last ``--decay-minutes``. Matrices are trained with Muon, the rest with AdamW.
bf16 by autocast: on a CPU with AMX that is four to eight times faster than float32.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from b200_kernels import prompts
from b200_kernels.embedded.recipe import architecture, corpus, examples, speech
from b200_kernels.mel import log_mel

CTC_ONLY_STEPS = 500
CTC_WEIGHT = 1.5
"""With 0.3 the encoder stopped learning to read while the decoder learned to guess (docs/log.md)."""


@dataclass(frozen=True)
class Batch:
    """Windows with their CTC letters, and prompts with answers.

    ``owner[i]`` is the window that sequence i listens to, or -1.
    """

    samples: torch.Tensor
    letters: list[list[int]]
    prompts: list[list[int]]
    answers: list[list[int]]
    owner: list[int]


class Trainee(nn.Module):
    """The Voxtral and the CTC head that is thrown away."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.voxtral = architecture.new_model(seed)
        self.ctc = nn.Linear(architecture.WIDTH, examples.CTC_CLASSES)

    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        """(batch, 128, frames) to (batch, frames / 2, width): the tower, without its demand for whole chunks."""
        tower = self.voxtral.model.audio_tower
        hidden = F.gelu(tower.conv2(F.gelu(tower.conv1(mel)))).permute(0, 2, 1)
        hidden = hidden + tower.embed_positions.weight[: hidden.shape[1]]
        for layer in tower.layers:
            hidden = layer(hidden, attention_mask=None)
        return tower.layer_norm(hidden)

    def ctc_loss(self, encoded: torch.Tensor, letters: list[list[int]]) -> torch.Tensor:
        log_probs = self.ctc(encoded).float().log_softmax(-1).transpose(0, 1)
        frames = torch.full((encoded.shape[0],), encoded.shape[1], dtype=torch.long)
        lengths = torch.tensor([len(row) for row in letters])
        targets = torch.tensor([c for row in letters for c in row], dtype=torch.long)
        loss = F.ctc_loss(log_probs, targets, frames, lengths, reduction="none", zero_infinity=True)
        return loss.sum() / lengths.sum().clamp(min=1)

    def answer_loss(self, encoded: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean cross-entropy of the answers' tokens."""
        audio = self.voxtral.model.multi_modal_projector(encoded.reshape(encoded.shape[0], -1, encoded.shape[2] * 4))
        sequences = [p + a for p, a in zip(batch.prompts, batch.answers, strict=True)]
        width = _round_up(max(map(len, sequences)), 32)
        ids = torch.full((len(sequences), width), prompts.PAD)
        scored = torch.zeros((len(sequences), width), dtype=torch.bool)
        for i, (sequence, prompt) in enumerate(zip(sequences, batch.prompts, strict=True)):
            ids[i, : len(sequence)] = torch.tensor(sequence)
            scored[i, len(prompt) - 1 : len(sequence) - 1] = True
        embeds = self.voxtral.get_input_embeddings()(ids)
        owner = torch.tensor(batch.owner)
        listening = owner >= 0
        heard = audio[owner[listening]].to(embeds.dtype)
        padded = torch.zeros_like(embeds[listening])
        padded[:, 3 : 3 + heard.shape[1]] = heard
        embeds = embeds.clone()
        embeds[listening] = torch.where((ids[listening] == prompts.AUDIO)[..., None], padded, embeds[listening])
        hidden = self.voxtral.model.language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state
        rows = scored.flatten().nonzero().squeeze(1)
        targets = ids.roll(-1, dims=1).flatten()[rows]
        spare = _round_up(len(rows), 256) - len(rows)
        logits = self.voxtral.lm_head(hidden.flatten(0, 1)[F.pad(rows, (0, spare))])
        return F.cross_entropy(logits.float(), F.pad(targets, (0, spare), value=-100))


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step


class Examples:
    """Draws batches from the corpus; makes the next one in a thread while the model works on this one."""

    def __init__(self, folder: Path, tokenizer: prompts.Tokenizer, seed: int) -> None:
        self.folder, self.tokenizer, self.rng = folder, tokenizer, random.Random(seed)
        self.clips: list[corpus.Clip] = []
        self.loaded: set[int] = set()
        self.pool = ThreadPoolExecutor(1)
        self.next: Future[Batch] | None = None

    def _load_new_shards(self) -> None:
        for index in corpus.shards(self.folder):
            if index not in self.loaded:
                plain = set(speech.variants())
                self.clips += [clip for clip in corpus.load_shard(self.folder, index) if clip.variant in plain]
                self.loaded.add(index)

    def _draw(self, ctc_only: bool) -> Batch:
        rng = self.rng
        if rng.random() < 0.02 or not self.clips:
            self._load_new_shards()
        shape = examples.SHORT
        if not ctc_only:
            shape = rng.choices(list(examples.SHAPES), list(examples.SHAPES.values()))[0]
        windows = examples.draw_windows(rng, self.clips, shape)
        tasks: list[tuple[prompts.Task, str, int]] = []
        for i, window in enumerate(windows):
            tasks += [(task, answer, i) for task, answer in examples.draw_tasks(rng, window, 2)]
        if not ctc_only:
            tasks += [(*examples.draw_text_task(rng, self.clips), -1) for _ in range(len(windows) // 4)]
        return Batch(
            examples.pad_windows(windows, shape),
            [examples.ctc_labels(w.tr) for w in windows],
            [prompts.prompt_ids(task, self.tokenizer, shape.audio_tokens) for task, _, _ in tasks],
            [[*self.tokenizer.encode(answer, False, False), prompts.EOS] for _, answer, _ in tasks],
            [owner for _, _, owner in tasks],
        )

    def draw(self, ctc_only: bool) -> Batch:
        batch = self.next.result() if self.next else self._draw(ctc_only)
        self.next = self.pool.submit(self._draw, ctc_only)
        return batch


def optimisers(model: Trainee) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings, convolutions, norms, biases and heads."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        inner = parameter.ndim == 2 and not any(k in name for k in ("embed_tokens", "lm_head", "ctc"))
        (matrices if inner else others).append(parameter)
    muon = torch.optim.Muon(matrices, lr=2e-3, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, lr=1.5e-3, betas=(0.9, 0.98), weight_decay=0.0)
    for optimiser in (muon, adamw):
        for group in optimiser.param_groups:
            group["level"] = group["lr"]
    return [muon, adamw]


def spectral_masks(mel: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """SpecAugment: two bands of up to 16 mel bins and two stretches of up to 0.3 s are set to the floor."""
    mel = mel.clone()
    floor = mel.amin(dim=(1, 2))
    for row, low in zip(mel, floor, strict=True):
        for _ in range(2):
            height, top = rng.randint(0, 16), rng.randint(0, 112)
            row[top : top + height] = low
            length, left = rng.randint(0, 30), rng.randint(0, max(0, mel.shape[2] - 30))
            row[:, left : left + length] = low
    return mel


def train(work: Path, minutes: float, decay_minutes: float, resume: bool, threads: int, shards: int) -> None:
    torch.set_num_threads(threads)
    work.mkdir(parents=True, exist_ok=True)
    architecture.write_tokenizer(work)
    tokenizer = architecture.load_tokenizer(work)
    model = Trainee(seed=0)
    step = 0
    tuners = optimisers(model)
    if resume:
        state = torch.load(work / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        step = state["step"]
        for tuner, saved in zip(tuners, state["tuners"], strict=True):
            levels = [group["level"] for group in tuner.param_groups]
            tuner.load_state_dict(saved)
            for group, level in zip(tuner.param_groups, levels, strict=True):
                group["level"] = level  # a changed rate in this file holds for resumed runs too
    corpus.make(work / "corpus", shards)
    source = Examples(work / "corpus", tokenizer, seed=step)
    start = time.monotonic()
    log = (work / "train.jsonl").open("a")
    totals = {"ctc": 0.0, "answer": 0.0, "n": 0}
    while (elapsed := (time.monotonic() - start) / 60) < minutes:
        ctc_only = step < CTC_ONLY_STEPS
        warm = min(1.0, (step + 1) / 100) * (1.0 if ctc_only else min(1.0, (step - CTC_ONLY_STEPS + 50) / 200))
        scale = warm * min(1.0, max(0.0, (minutes - elapsed) / max(decay_minutes, 1e-9)))
        for tuner in tuners:
            for group in tuner.param_groups:
                group["lr"] = group["level"] * scale
        batch = source.draw(ctc_only)
        mel = log_mel(batch.samples)
        if source.rng.random() < 0.5:
            mel = spectral_masks(mel, source.rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            encoded = model.encode(mel)
            ctc = model.ctc_loss(encoded, batch.letters)
            answer = torch.zeros(()) if ctc_only else model.answer_loss(encoded, batch)
        (ctc if ctc_only else answer + CTC_WEIGHT * ctc).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for tuner in tuners:
            tuner.step()
            tuner.zero_grad(set_to_none=True)
        step += 1
        totals = {
            "ctc": totals["ctc"] + ctc.item(),
            "answer": totals["answer"] + answer.item(),
            "n": totals["n"] + 1,
        }
        if step % 25 == 0:
            row = {"step": step, "minutes": round(elapsed, 1), "lr": scale, "clips": len(source.clips)}
            row |= {k: round(totals[k] / totals["n"], 4) for k in ("ctc", "answer")}
            log.write(json.dumps(row) + "\n")
            log.flush()
            totals = {"ctc": 0.0, "answer": 0.0, "n": 0}
        if step % 200 == 0:
            save(model, tuners, step, work)
    save(model, tuners, step, work)


def save(model: Trainee, tuners: list[torch.optim.Optimizer], step: int, work: Path) -> None:
    state = {"model": model.state_dict(), "step": step, "tuners": [t.state_dict() for t in tuners]}
    torch.save(state, work / "state.tmp")
    (work / "state.tmp").replace(work / "state.pt")
    architecture.save(model.voxtral, work / "checkpoint")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of the corpus, the checkpoints and the log")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument(
        "--decay-minutes", type=float, default=0, help="fall to a learning rate of zero over the last minutes"
    )
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shards", type=int, default=40, help="thousands of clips in the corpus")
    arguments = parser.parse_args()
    train(**vars(arguments))


if __name__ == "__main__":
    main()
