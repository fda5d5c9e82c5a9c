"""Budgets, loops and the choice of tokens."""

import pytest
import torch

from b200_kernels.generation import Answer, Chooser, ends_in_loop, speech_token_budget, text_token_budget
from b200_kernels.prompts import EOS


@pytest.mark.parametrize(
    "tokens",
    [[7] * 24, [1, 2, 3] + [5, 6] * 12, [9] + list(range(100, 110)) * 3, list(range(100, 140)) * 3],
)
def test_loops(tokens):
    assert ends_in_loop(tokens)
    assert not ends_in_loop(tokens[:-1])


@pytest.mark.parametrize(
    "tokens", [[], [7], [7] * 23, list(range(100, 110)) * 2, list(range(50)), [7] * 30 + [8], [1, 2, 3] * 7]
)
def test_what_people_repeat_is_no_loop(tokens):
    assert not ends_in_loop(tokens)


def test_budgets_grow_with_what_is_said():
    assert speech_token_budget(0.0) == speech_token_budget(0.5) == 48
    assert speech_token_budget(10.0) == 264
    assert text_token_budget(0) == 48
    assert text_token_budget(100) == 248


def test_an_answer_ends_for_its_own_reason():
    stopped, long, loop = Answer(9), Answer(3), Answer(99)
    for token in (50, 51, EOS, 52):
        stopped.add(token, -1.0)
    for token in range(50, 60):
        long.add(token, -2.0)
    for _ in range(40):
        loop.add(50, -3.0)
    assert (stopped.finish_reason, stopped.tokens, stopped.logprob) == ("stop", [50, 51], -1.0)
    assert (long.finish_reason, long.tokens, long.logprob) == ("length", [50, 51, 52], -2.0)
    assert (loop.finish_reason, len(loop.tokens)) == ("loop", 24)


def test_the_end_token_counts_in_the_mean_and_an_empty_answer_has_none():
    answer, empty = Answer(9), Answer(9)
    answer.add(50, -1.0)
    answer.add(EOS, -3.0)
    empty.add(EOS, -3.0)
    assert answer.logprob == -2.0
    assert empty.logprob == 0.0


def test_greedy_leaves_the_scores_alone():
    scores = torch.randn(2, 30)
    chooser = Chooser(2, 0.0, 0, torch.device("cpu"))
    assert torch.equal(chooser(torch.zeros(2, 0), scores), scores)
    assert torch.allclose(chooser.logprobs.exp().sum(dim=1), torch.ones(2))


def test_noise_and_maximum_sample_the_tempered_distribution():
    scores = torch.tensor([[2.0, 1.0, 0.0, -9.0]])
    chooser = Chooser(1, 0.5, 1, torch.device("cpu"))
    drawn = [int(chooser(torch.zeros(1, 0), scores.clone()).argmax()) for _ in range(4000)]
    shares = torch.bincount(torch.tensor(drawn), minlength=4) / 4000
    expected = torch.tensor([4.0, 2.0, -torch.inf, -torch.inf]).softmax(0)  # top-p 0.95 leaves two
    assert torch.allclose(shares, expected, atol=0.03)


def test_a_seed_repeats_and_other_draws_do_not_matter():
    def draw(seed: int) -> list[float]:
        chooser = Chooser(2, 1.0, seed, torch.device("cpu"))
        torch.rand(seed + 3)
        return chooser(torch.zeros(2, 0), torch.zeros(2, 50)).tolist()

    state = torch.get_rng_state()
    assert draw(1) == draw(1) != draw(2)
    torch.set_rng_state(state)
    assert draw(1)[0] == draw(1)[1]
