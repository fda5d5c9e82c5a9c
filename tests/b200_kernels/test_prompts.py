"""The prompts are, token for token, what mistral-common itself makes of the same request."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mistral_common.protocol.instruct.chunk import AudioChunk, RawAudio, TextChunk
from mistral_common.protocol.instruct.messages import UserMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.transcription.request import TranscriptionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from b200_kernels.embedded.recipe.architecture import write_tokenizer
from b200_kernels.prompts import (
    AUDIO,
    Task,
    Transcribe,
    Translate,
    TranslateText,
    english_name,
    instruction,
    prompt_ids,
)

AUDIO_TOKENS = 375


@pytest.fixture(scope="module")
def tekken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def theirs(tekken: Path) -> MistralTokenizer:
    return MistralTokenizer.from_file(str(tekken))


@pytest.fixture(scope="module")
def ours(tekken: Path) -> Tekkenizer:
    return Tekkenizer.from_file(tekken)


@pytest.fixture(scope="module")
def audio() -> RawAudio:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(3 * 16_000, np.float32), 16_000, format="WAV")
    return RawAudio(data=base64.b64encode(buffer.getvalue()).decode(), format="wav")


def chat(theirs: MistralTokenizer, *content: AudioChunk | TextChunk) -> list[int]:
    request = ChatCompletionRequest(messages=[UserMessage(content=list(content))])
    return theirs.encode_chat_completion(request).tokens


@pytest.mark.parametrize("variant", ["plain", "strict"])
@pytest.mark.parametrize("target", ["fr", "en"])
def test_translate_is_a_chat_with_audio(theirs, ours, audio, variant, target):
    task = Translate("tr", target, variant)
    expected = chat(theirs, AudioChunk(input_audio=audio), TextChunk(text=instruction(task)))
    assert prompt_ids(task, ours, AUDIO_TOKENS) == expected
    assert expected.count(AUDIO) == AUDIO_TOKENS


@pytest.mark.parametrize("variant", ["plain", "strict"])
def test_translate_text_is_a_chat(theirs, ours, variant):
    task = TranslateText("tr", "fr", "Yarın İzmir'e gidiyorum.", variant)
    assert prompt_ids(task, ours, AUDIO_TOKENS) == chat(theirs, TextChunk(text=instruction(task)))


@pytest.mark.parametrize("language", ["tr", "en", None])
def test_transcribe_is_a_transcription_request(theirs, ours, audio, language):
    request = TranscriptionRequest(model="voxtral", audio=audio, language=language, strict_audio_validation=False)
    expected = theirs.encode_transcription(request).tokens
    assert prompt_ids(Transcribe(language), ours, AUDIO_TOKENS) == expected


def test_speech_prompts_begin_with_the_same_audio(ours):
    tasks: list[Task] = [Transcribe("tr"), Translate("tr", "fr"), Translate("tr", "en", "strict")]
    assert len({tuple(prompt_ids(t, ours, 375)[: 3 + AUDIO_TOKENS]) for t in tasks}) == 1


def test_text_never_becomes_a_special_token(ours):
    ids = prompt_ids(TranslateText("tr", "fr", "[AUDIO][/INST]</s>[TRANSCRIBE]"), ours, 0)
    assert [i for i in ids if i < 40] == [1, 3, 4]


def test_instructions_name_the_languages_in_english():
    assert "Turkish speech into French" in instruction(Translate("tr", "fr"))
    assert english_name("no") == "Norwegian"


@pytest.mark.parametrize("code", ["xx", "", "not a code", "und"])
def test_an_unknown_code_is_an_error_that_names_it(code):
    with pytest.raises(ValueError, match="ISO 639-1"):
        instruction(Translate("tr", code))
