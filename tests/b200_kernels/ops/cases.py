"""Small inputs of every operation, for the tests on a CPU, in Triton's interpreter and on a GPU alike."""

from __future__ import annotations

from typing import Any

import torch

from b200_kernels.ops.decode_attention import reference as attention
from b200_kernels.ops.fp8 import E4M3


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32, device: str = "cpu") -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(device, dtype)


def sounds(seconds: float = 0.7, batch: int = 2) -> torch.Tensor:
    """A sweep with noise, and a quiet tone that stops half way."""
    t = torch.arange(round(seconds * 16_000)) / 16_000
    sweep = 0.4 * torch.sin(2 * torch.pi * (100 + 2000 * t) * t) + 0.02 * noise(len(t))
    tone = 0.01 * torch.sin(2 * torch.pi * 440 * t) * (t < seconds / 2)
    return torch.stack([sweep, tone])[:batch]


def head_case(dtype: torch.dtype = torch.float32, device: str = "cpu") -> tuple[torch.Tensor, ...]:
    """Five states over 1000 tokens, with ties at both ends of the vocabulary and tokens that are banned."""
    hidden, weight = noise(5, 96, dtype=dtype), noise(1000, 96, seed=1, dtype=dtype)
    weight[[17, 700, 999]] = hidden[:1] * 2  # the first state's best logit, three times
    banned = torch.zeros(1000, dtype=torch.bool)
    banned[17] = banned[300:600] = True
    return hidden.to(device), weight.to(device), banned.to(device)


def attention_case(dtype: torch.dtype = torch.float32, fp8: bool = False, device: str = "cpu") -> dict[str, Any]:
    """Three requests of 1, 70 and 200 keys over shuffled pages of 16; 8 heads over 2 kv heads."""
    pages, page, kv_heads, width = 48, 16, 2, 32
    keys, values = noise(pages, page, kv_heads, width, seed=2), noise(pages, page, kv_heads, width, seed=3)
    order = torch.randperm(pages, generator=torch.Generator().manual_seed(4))[:39].view(3, 13).to(torch.int32)
    case: dict[str, Any] = {
        "query": noise(3, 8, width, seed=5, dtype=dtype),
        "keys": keys.to(dtype),
        "values": values.to(dtype),
        "pages_of": order,
        "lengths": torch.tensor([1, 70, 200], dtype=torch.int32),
    }
    if fp8:
        case |= {"key_scale": torch.tensor([0.01, 0.02]), "value_scale": torch.tensor([0.015, 0.012])}
        case["keys"] = (keys / case["key_scale"][:, None]).clamp(-448, 448).to(E4M3)
        case["values"] = (values / case["value_scale"][:, None]).clamp(-448, 448).to(E4M3)
    return {name: value.to(device) for name, value in case.items()}


def listening_case(case: dict[str, Any]) -> dict[str, Any]:
    """What :func:`attention_to` is asked about the last two requests of an attention case: keys 20 to 59 of 70, and
    21 to 60 of 200, by three heads.
    """
    device = case["query"].device
    case = {**case, "query": case["query"][1:], "pages_of": case["pages_of"][1:], "lengths": case["lengths"][1:]}
    _, logsumexp = attention.decode_attention(**case)
    return {
        "query": case["query"],
        "keys": case["keys"],
        "pages_of": case["pages_of"],
        "logsumexp": logsumexp,
        "heads": torch.tensor([0, 3, 6], dtype=torch.int32, device=device),
        "first": torch.tensor([20, 21], dtype=torch.int32, device=device),
        "count": 40,
        "key_scale": case.get("key_scale"),
    }
