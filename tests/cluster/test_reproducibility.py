from __future__ import annotations

import os
import random

import numpy as np
import pytest
import torch

from cluster import reproducibility
from cluster.reproducibility import ReproducibleSession, ensure_reproducible_environment


@pytest.fixture(autouse=True)
def undone():
    """Other tests must not run deterministic because these did."""
    with ReproducibleSession():
        torch.use_deterministic_algorithms(False)
        yield


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_the_same_seed_gives_the_same_numbers():
    ensure_reproducible_environment(7)
    first = draw()
    ensure_reproducible_environment(7)
    assert draw() == first
    ensure_reproducible_environment(8)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_what_it_reports():
    report = ensure_reproducible_environment()
    assert report["seed"] == 42
    assert report["torch"] == torch.__version__
    assert report["deterministic_algorithms"] is True
    assert report["cudnn_deterministic"] is True
    assert report["validated"] == {}


def test_validation_leaves_the_generators_freshly_seeded():
    assert ensure_reproducible_environment(3, validate=True)["validated"] == {
        "random": True,
        "numpy": True,
        "torch": True,
    }
    validated = draw()
    ensure_reproducible_environment(3)
    assert draw() == validated


def test_validation_finds_a_generator_that_is_not_seeded(monkeypatch):
    values = iter([0.1, 0.2])
    monkeypatch.setattr(reproducibility.random, "random", lambda: next(values))
    assert ensure_reproducible_environment(3, validate=True)["validated"]["random"] is False


def test_without_torch(monkeypatch):
    monkeypatch.setattr(reproducibility, "_torch", lambda: None)
    report = ensure_reproducible_environment(1, validate=True)
    assert report["torch"] is None
    assert report["validated"] == {"random": True, "numpy": True}


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range(seed):
    with pytest.raises(ValueError, match="not between"):
        ensure_reproducible_environment(seed)
    with pytest.raises(ValueError, match="not between"), ReproducibleSession(seed):
        pass


def test_a_session_leaves_no_trace(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    ensure_reproducible_environment(5)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    expected = draw()
    ensure_reproducible_environment(5)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with ReproducibleSession(seed=123) as session:
        assert session.environment["seed"] == 123
        assert torch.are_deterministic_algorithms_enabled()
        draw()
    assert draw() == expected
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.deterministic is False
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_sessions_nest_and_restore_after_an_error():
    session = ReproducibleSession(1)

    def nest_and_fail():
        with session:
            first = draw()
            with session:
                assert draw() == first
            after.append(draw())
            raise KeyError

    after = []
    with pytest.raises(KeyError):
        nest_and_fail()
    with session:
        draw()
        assert [draw()] == after
