"""``b200::vad_lstm``: the recurrence of the VAD, the only part of it that is sequential.

On a CPU oneDNN's fused LSTM behind ``torch.lstm``; on a GPU the Triton kernel, which keeps the state on the chip.
"""

from __future__ import annotations

import torch

from b200_kernels.ops.registration import register


def _fake(
    x: torch.Tensor, w_ih: torch.Tensor, w_hh: torch.Tensor, b_ih: torch.Tensor, b_hh: torch.Tensor
) -> torch.Tensor:
    return x.new_empty(x.shape[0], x.shape[1], w_hh.shape[1])


def _cpu(
    x: torch.Tensor, w_ih: torch.Tensor, w_hh: torch.Tensor, b_ih: torch.Tensor, b_hh: torch.Tensor
) -> torch.Tensor:
    state = x.new_zeros(1, x.shape[1], w_hh.shape[1])
    weights = (w_ih, w_hh, b_ih, b_hh)
    out: torch.Tensor = torch.lstm(x, (state, state), weights, True, 1, 0.0, False, False, False)[0]
    return out


def _cuda(
    x: torch.Tensor, w_ih: torch.Tensor, w_hh: torch.Tensor, b_ih: torch.Tensor, b_hh: torch.Tensor
) -> torch.Tensor:
    from b200_kernels.ops.vad.triton_kernel import launch

    return launch(torch.nn.functional.linear(x, w_ih, b_ih + b_hh), w_hh)


lstm = register("vad_lstm", _cpu, _cuda, _fake)
"""See :func:`b200_kernels.ops.vad.reference.lstm`."""
