"""Where two contenders' tokens part, the model's own preference tells a fault from a coin's toss."""

import asyncio

from b200_kernels.benchmark.differences import agreement, find_differences
from b200_kernels.embedded.held_out import spoken_windows
from b200_kernels.engine import SpeechRequest
from b200_kernels.prompts import Transcribe


def test_a_changed_token_is_found_and_called_a_fault(embedded, engine):
    samples = spoken_windows(1)[0].samples
    tasks = (Transcribe("tr"),)
    result = asyncio.run(engine.generate(SpeechRequest(samples, tasks, len(samples) / 16_000)))
    right = result.results[0].tokens
    wrong = (*right[:3], right[3] + 1, *right[4:])
    assert find_differences(embedded, [samples], tasks, ((right,),), ((right,),)) == []
    (found,) = find_differences(embedded, [samples], tasks, ((wrong,),), ((right,),))
    assert (found.window, found.task, found.at) == (0, 0, 3)
    assert found.is_fault


def test_agreement_is_the_share_of_tokens_in_common():
    assert agreement((((1, 2, 3, 4),),), (((1, 2, 3, 4),),)) == 1
    assert agreement((((1, 2, 3, 4),), ((),)), (((1, 9, 3, 4),), ((7, 8),))) == 2 * 3 / 10
    assert agreement((((),),), (((),),)) == 1
