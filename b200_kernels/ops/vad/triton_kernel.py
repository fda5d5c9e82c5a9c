"""The VAD's LSTM in Triton: one program runs over time for sixteen streams, with the cells' state in registers.

What the inputs add to the gates is one matrix product beforehand. A step reads the hidden state that the step before
wrote out, and the recurrent weights (256 KB in float32) from the L2 cache, slice by slice: held whole they would
spill, and bf16, which would fit nearer, is not exact enough.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

STREAMS, DEPTH = 16, 32


@triton.jit
def lstm_kernel(
    gates_ptr: tl.tensor,
    weights_ptr: tl.tensor,
    out_ptr: tl.tensor,
    steps: tl.tensor,
    streams: tl.tensor,
    PRECISION: tl.constexpr,
    HIDDEN: tl.constexpr,
    STREAMS: tl.constexpr,
    DEPTH: tl.constexpr,
) -> None:
    stream = tl.program_id(0) * STREAMS + tl.arange(0, STREAMS)
    unit, depth = tl.arange(0, HIDDEN), tl.arange(0, DEPTH)
    there = (stream < streams)[:, None]
    c = tl.zeros((STREAMS, HIDDEN), tl.float32)
    for step in range(0, steps):
        row = (step * streams + stream).to(tl.int64)
        at = gates_ptr + row[:, None] * 4 * HIDDEN + unit[None, :]
        i = tl.load(at, mask=there, other=0.0)
        f = tl.load(at + HIDDEN, mask=there, other=0.0)
        g = tl.load(at + 2 * HIDDEN, mask=there, other=0.0)
        o = tl.load(at + 3 * HIDDEN, mask=there, other=0.0)
        before = out_ptr + (row - streams)[:, None] * HIDDEN + depth[None, :]
        for k in range(0, HIDDEN, DEPTH):
            past = tl.load(before + k, mask=there & (step > 0), other=0.0)
            w = weights_ptr + (k + depth)[:, None] * 4 * HIDDEN + unit[None, :]
            i = tl.dot(past, tl.load(w), i, input_precision=PRECISION)
            f = tl.dot(past, tl.load(w + HIDDEN), f, input_precision=PRECISION)
            g = tl.dot(past, tl.load(w + 2 * HIDDEN), g, input_precision=PRECISION)
            o = tl.dot(past, tl.load(w + 3 * HIDDEN), o, input_precision=PRECISION)
        c = tl.sigmoid(f) * c + tl.sigmoid(i) * (2.0 * tl.sigmoid(2.0 * g) - 1.0)
        h = tl.sigmoid(o) * (2.0 * tl.sigmoid(2.0 * c) - 1.0)
        tl.store(out_ptr + row[:, None] * HIDDEN + unit[None, :], h, mask=there)
        tl.debug_barrier()  # the next step's threads read what this step's others wrote


def launch(gates: torch.Tensor, w_hh: torch.Tensor, precision: str = "tf32x3") -> torch.Tensor:
    """What the inputs and biases add to the gates (time, streams, 4 * hidden) and the recurrent weights
    (4 * hidden, hidden), float32, to hidden states (time, streams, hidden). The interpreter wants ``ieee``.
    """
    steps, streams, _ = gates.shape
    hidden = w_hh.shape[1]
    out = torch.empty(steps, streams, hidden, device=gates.device)
    lstm_kernel[(triton.cdiv(streams, STREAMS),)](
        gates.contiguous(),
        w_hh.T.contiguous(),
        out,
        steps,
        streams,
        PRECISION=precision,
        HIDDEN=hidden,
        STREAMS=STREAMS,
        DEPTH=DEPTH,
        num_warps=8,
        num_stages=1,
    )
    return out
