"""What a Voxtral of some shape asks of a machine, for those who size machines and know no shapes."""

from __future__ import annotations

from b200_kernels.benchmark.limits import decoder_flops, decoder_weights, encoder_flops
from b200_kernels.compiled.engine import USUAL_POSITIONS
from b200_kernels.compiled.pages import whole_pages
from b200_kernels.compiled.shape import EncoderShape, VoxtralShape
from b200_kernels.mel import SAMPLE_RATE
from cluster.model_needs import ModelNeeds

_BYTES = 2
_TEXTS = 2
_TEXT_TOKENS = 120
"""A text about 30 s of unbroken speech: an assumption, four tokens a second."""
_PROMPT = 15
"""Tokens of a task's instruction behind the audio."""


def needs_of(shape: VoxtralShape) -> ModelNeeds:
    """For full windows, each transcribed and translated, over one listening."""
    encoder, decoder = shape.encoder, shape.decoder
    keys = encoder.tokens + _PROMPT + _TEXT_TOKENS / 2
    prefill = decoder_flops(decoder, encoder.tokens + _TEXTS * _PROMPT, encoder.tokens / 2)
    return ModelNeeds(
        weights_bytes=_BYTES * (_encoder_weights(encoder) + _projector_weights(shape) + _decoder_weights(shape)),
        sequence_bytes=_BYTES * decoder.kv_numbers * USUAL_POSITIONS,
        sequence_pages=whole_pages(USUAL_POSITIONS),
        window_s=encoder.samples / SAMPLE_RATE,
        texts=_TEXTS,
        tokens=_TEXTS * _TEXT_TOKENS,
        listen_flops=encoder_flops(encoder, decoder.width) + prefill,
        token_flops=decoder_flops(decoder, 1, keys) + 2 * decoder.width * decoder.vocabulary,
        step_bytes=_BYTES * decoder_weights(decoder),
        keys_bytes=_BYTES * decoder.kv_numbers * keys,
    )


def _encoder_weights(shape: EncoderShape) -> int:
    """Matrices and convolutions; norms and biases are a thousandth."""
    convolutions = 3 * (shape.mel_bins * shape.width + shape.width**2)
    return convolutions + shape.layers * (4 * shape.width**2 + 2 * shape.width * shape.hidden)


def _projector_weights(shape: VoxtralShape) -> int:
    return shape.encoder.hidden * shape.decoder.width + shape.decoder.width**2


def _decoder_weights(shape: VoxtralShape) -> int:
    """The blocks and the head, which every step reads, and the table of embeddings, which none reads whole."""
    return decoder_weights(shape.decoder) + shape.decoder.width * shape.decoder.vocabulary
