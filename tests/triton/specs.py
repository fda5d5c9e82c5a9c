"""What is compiled ahead of time: kernel x signature x constants, and the opcodes that each target must show.

Types as Triton writes them; ``:16`` says what a launch would find out, that a pointer or number is a multiple of 16.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TARGETS = {"sm_90a": 90, "sm_100a": 100, "sm_103a": 103}
BLACKWELL = ("sm_100a", "sm_103a")
ALL = tuple(TARGETS)


@dataclass(frozen=True)
class Spec:
    """``opcodes`` are what the disassembly must hold on each target that the spec is for. ``stack`` is how many
    bytes a thread may spill on sm_90a; the B200 targets may spill none.
    """

    name: str
    kernel: str
    signature: dict[str, str]
    constants: dict[str, object]
    opcodes: dict[str, tuple[str, ...]]
    warps: int = 4
    stages: int = 3
    stack: int = 0
    seconds: float = 60.0
    types: dict[str, str] = field(default_factory=dict)
    """Constants that are Triton types, by name."""


def _everywhere(*opcodes: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(ALL, opcodes)


def _hopper_blackwell(hopper: str, blackwell: str) -> dict[str, tuple[str, ...]]:
    return {"sm_90a": (hopper,), "sm_100a": (blackwell,), "sm_103a": (blackwell,)}


_OPS = "b200_kernels.ops"
PAGE = 32
"""As in the engine (b200_kernels/compiled/pages.py)."""


def _spectrum(frames: int) -> Spec:
    pointers = dict.fromkeys(
        ("samples_ptr", "cosines_ptr", "sines_ptr", "filters_ptr", "out_ptr", "highest_ptr"), "*fp32:16"
    )
    return Spec(
        f"log_mel spectrum, {frames} frames",
        f"{_OPS}.log_mel.triton_kernel:spectrum_kernel",
        {**pointers, "length": "i32:16", "frames": "i32", "mel_bins": "i32:16"},
        {
            "PRECISION": "tf32x3",
            "N_FFT": 400,
            "HOP": 160,
            "PADDED_BINS": 224,
            "FRAMES": frames,
            "SAMPLES_AT_ONCE": 16,
            "BINS_AT_ONCE": 32,
            "MELS": 128,
        },
        _hopper_blackwell("HGMMA", "UTCHMMA"),
    )


def _rms_norm(kind: str, add: bool, fp8: bool) -> Spec:
    return Spec(
        f"rms_norm {kind}",
        f"{_OPS}.rms_norm.triton_kernel:rms_norm_kernel",
        {
            "x_ptr": "*bf16:16",
            "residual_ptr": "*bf16:16",
            "weight_ptr": "*bf16:16",
            "out_ptr": "*fp8e4nv:16" if fp8 else "*bf16:16",
            "scale_ptr": "*fp32:16",
            "total_ptr": "*bf16:16",
            "width": "i32:16",
            "eps": "fp32",
        },
        {"ADD": add, "FP8": fp8, "BLOCK": 4096},
        _everywhere("MUFU.RSQ", "LDG.E.128"),
        warps=8,
    )


def _swiglu(fp8: bool) -> Spec:
    return Spec(
        "swiglu fp8" if fp8 else "swiglu bf16",
        f"{_OPS}.swiglu.triton_kernel:swiglu_kernel",
        {
            "gate_up_ptr": "*bf16:16",
            "out_ptr": "*fp8e4nv:16" if fp8 else "*bf16:16",
            "scale_ptr": "*fp32:16",
            "width": "i32:16",
        },
        {"FP8": fp8, "BLOCK": 8192},
        _everywhere("MUFU.EX2", "LDG.E.128"),
        warps=8,
    )


def _head(rows: int, number: str = "bf16") -> Spec:
    return Spec(
        f"greedy_head {number}, {rows} rows",
        f"{_OPS}.greedy_head.triton_kernel:head_kernel",
        {
            "hidden_ptr": f"*{number}:16",
            "weight_ptr": f"*{number}:16",
            "banned_ptr": "*i8:16",
            "best_ptr": "*fp32:16",
            "token_ptr": "*i32:16",
            "total_ptr": "*fp32:16",
            "rows": "i32",
            "vocabulary": "i32:16",
            "width": "i32:16",
            "tokens_a_split": "i32:16",
        },
        {"BANNED": True, "UPCAST": False, "TOKENS": 128, "ROWS": rows, "DEPTH": 64},
        _hopper_blackwell("HGMMA", "UTCHMMA") if number == "bf16" else _everywhere("FFMA"),
        warps=8,
        stages=4,
    )


def _attention(cache: str, query: str = "bf16", scaled: bool = False) -> Spec:
    return Spec(
        f"decode_attention {query}, {cache} cache{', scaled' if scaled else ''}",
        f"{_OPS}.decode_attention.triton_kernel:split_kernel",
        {
            "query_ptr": f"*{query}:16",
            "keys_ptr": f"*{cache}:16",
            "values_ptr": f"*{cache}:16",
            "pages_ptr": "*i32:16",
            "lengths_ptr": "*i32:16",
            "key_scale_ptr": "*fp32:16" if scaled else f"*{query}:16",
            "value_scale_ptr": "*fp32:16" if scaled else f"*{query}:16",
            "part_ptr": "*fp32:16",
            "best_ptr": "*fp32:16",
            "total_ptr": "*fp32:16",
            "most_pages": "i32",
            "keys_a_split": "i32:16",
            "softmax_scale": "fp32",
        },
        {
            "SCALED": scaled,
            "UPCAST": False,
            "HEADS": 32,
            "KV_HEADS": 8,
            "WIDTH": 128,
            "PAGE": PAGE,
            "GROUP": 16,
            "KEYS": 64,
        },
        _everywhere("HMMA" if query == "bf16" else "FFMA"),
    )


def _attention_to(cache: str) -> Spec:
    return Spec(
        f"decode_attention attention_to, {cache} cache",
        f"{_OPS}.decode_attention.triton_kernel:attention_to_kernel",
        {
            "query_ptr": "*bf16:16",
            "keys_ptr": f"*{cache}:16",
            "pages_ptr": "*i32:16",
            "logsumexp_ptr": "*fp32:16",
            "heads_ptr": "*i32:16",
            "first_ptr": "*i32:16",
            "key_scale_ptr": "*fp32:16",
            "out_ptr": "*fp32:16",
            "most_pages": "i32",
            "count": "i32",
            "softmax_scale": "fp32",
        },
        {"SCALED": False, "HEADS": 32, "KV_HEADS": 8, "WIDTH": 128, "PAGE": PAGE, "KEYS": 64},
        _everywhere("MUFU.EX2"),
    )


def _attention_join(splits: int) -> Spec:
    return Spec(
        f"decode_attention join, {splits} splits",
        f"{_OPS}.decode_attention.triton_kernel:join_kernel",
        {
            "part_ptr": "*fp32:16",
            "best_ptr": "*fp32:16",
            "total_ptr": "*fp32:16",
            "out_ptr": "*bf16:16",
            "logsumexp_ptr": "*fp32:16",
            "splits": "i32",
        },
        {"SPLITS": splits, "WIDTH": 128},
        _everywhere("MUFU.EX2"),
    )


def _gemm(kernel: str, kind: str, opcodes: dict[str, tuple[str, ...]]) -> Spec:
    fp4 = kind == "nvfp4"
    values, scales = ("*u8:16", "*fp8e4nv:16") if fp4 else ("*fp8e4nv:16", "*u8:16")
    native = kernel == "native"
    tile, depth = (128, 128) if native else (64, 32) if fp4 else (128, 64)
    return Spec(
        f"block_scaled_gemm {kind}, {kernel}",
        f"{_OPS}.block_scaled_gemm.triton_kernel:{kernel}_kernel",
        {
            "a_ptr": values,
            "a_scales_ptr": scales,
            "b_ptr": values,
            "b_scales_ptr": scales,
            "out_ptr": "*fp32:16",
            "whole_ptr": "*fp32:16",
            "m": "i32:16",
            "n": "i32:16",
            "depth": "i32:16",
        },
        {"FP4": fp4, "TILE_M": tile, "TILE_N": tile, "DEPTH": depth},
        opcodes,
        warps=4 if native else 8,
        types={} if native else {"WIDE": "bfloat16"},
    )


SPECS = (
    _spectrum(64),
    Spec(
        "log_mel floor",
        f"{_OPS}.log_mel.triton_kernel:floor_kernel",
        {"out_ptr": "*fp32:16", "highest_ptr": "*fp32:16", "size": "i32:16", "blocks": "i32"},
        {"BLOCKS": 64, "SIZE": 1024},
        _everywhere("LDG.E.128", "STG.E.128"),
    ),
    Spec(
        "vad lstm",
        f"{_OPS}.vad.triton_kernel:lstm_kernel",
        {"gates_ptr": "*fp32:16", "weights_ptr": "*fp32:16", "out_ptr": "*fp32:16", "steps": "i32", "streams": "i32"},
        {"PRECISION": "tf32x3", "HIDDEN": 128, "STREAMS": 16, "DEPTH": 32},
        _everywhere("HMMA"),
        warps=8,
        stages=1,
    ),
    _head(16),
    _head(32),
    _head(16, "fp32"),
    Spec(
        "greedy_head join",
        f"{_OPS}.greedy_head.triton_kernel:join_kernel",
        {
            "best_ptr": "*fp32:16",
            "token_ptr": "*i32:16",
            "total_ptr": "*fp32:16",
            "out_ptr": "*i64:16",
            "logprob_ptr": "*fp32:16",
            "splits": "i32:16",
        },
        {"SPLITS": 256},
        _everywhere("MUFU.EX2"),
    ),
    _rms_norm("bf16", add=False, fp8=False),
    _rms_norm("bf16 with residual", add=True, fp8=False),
    _rms_norm("fp8 with residual", add=True, fp8=True),
    _swiglu(fp8=False),
    _swiglu(fp8=True),
    _attention("bf16"),
    _attention("fp8e4nv"),
    _attention("fp8e4nv", scaled=True),
    _attention("fp32", query="fp32"),
    _attention_join(8),
    _attention_join(64),
    _attention_to("bf16"),
    _attention_to("fp8e4nv"),
    _gemm("native", "mxfp8", dict.fromkeys(BLACKWELL, ("UTCQMMA",))),
    _gemm("native", "nvfp4", dict.fromkeys(BLACKWELL, ("UTCOMMA",))),
    _gemm("dequantise", "mxfp8", {"sm_90a": ("HGMMA",)}),
    _gemm("dequantise", "nvfp4", {"sm_90a": ("HGMMA",)}),
)

TRAP = _spectrum(128)
"""Triton 3.6 compiles this one for sm_100 without a word, to a trap."""
