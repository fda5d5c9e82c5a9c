"""The compiled engine on a CUDA device: the reference's texts, recorded steps, every number format."""

import pytest
import torch

from b200_kernels.benchmark.differences import agreement
from b200_kernels.compiled.engine import CompiledEngine
from tests.b200_kernels.compiled.test_engine import ask, expected, requests, same  # noqa: F401  fixtures

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


def test_texts_are_the_references_in_float32(embedded, requests, expected):  # noqa: F811  fixtures
    engine = CompiledEngine(embedded, device="cuda", dtype="float32", rows=6)
    try:
        found = ask(engine, requests)
    finally:
        engine.close()
    assert [same(*pair) for pair in zip(found, expected, strict=True)] == [True] * len(requests)


@pytest.mark.parametrize("kv_cache", ["auto", "fp8"])
@pytest.mark.parametrize("dtype", ["bfloat16", "fp8", "mxfp8", "nvfp4"])
def test_coarser_numbers_give_nearly_the_references_tokens(embedded, requests, expected, dtype, kv_cache):  # noqa: F811
    engine = CompiledEngine(embedded, device="cuda", dtype=dtype, kv_cache=kv_cache, rows=6)
    try:
        found = ask(engine, requests)
    finally:
        engine.close()
    answers = [[task for one in results for task in one.results] for results in (found, expected)]
    ours, theirs = (tuple((answer.tokens,) for answer in those) for those in answers)
    assert agreement(ours, theirs) > 0.9
