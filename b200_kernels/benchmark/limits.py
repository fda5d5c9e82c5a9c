"""What the machine could do at best: the work of a window, in multiplications and bytes, against measured rates.

Formulas count a multiply-add as two operations. They follow the model's shape and know nothing of how it is computed,
so padding, caching and waiting show as distance from the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from b200_kernels.compiled.shape import DecoderShape, EncoderShape, VoxtralShape


@dataclass(frozen=True)
class Limit:
    """Seconds that a window takes at best in each stage: arithmetic at the matrix rate, decoding at the memory rate
    where that is longer.
    """

    encoder_s: float
    prefill_s: float
    decode_s: float

    @property
    def window_s(self) -> float:
        return self.encoder_s + self.prefill_s + self.decode_s


def limit(
    shape: VoxtralShape,
    *,
    prompts: tuple[int, ...],
    tokens: float,
    batch: int,
    bytes_a_number: float,
    flops_a_second: float,
    bytes_a_second: float,
) -> Limit:
    """The limit for one window whose tasks have prompts of so many tokens behind the audio, and ``tokens`` answered
    tokens in all, decoded ``batch`` rows at a time.
    """
    audio = shape.encoder.tokens
    heard = audio + sum(prompts)
    prefill = decoder_flops(shape.decoder, heard, audio / 2)
    keys = audio + sum(prompts) / max(len(prompts), 1) + tokens / max(len(prompts), 1) / 2
    arithmetic = (
        decoder_flops(shape.decoder, tokens, keys) + tokens * 2 * shape.decoder.width * shape.decoder.vocabulary
    )
    weights = decoder_weights(shape.decoder) / batch
    moved = tokens * (weights + keys * shape.decoder.kv_numbers) * bytes_a_number
    return Limit(
        encoder_s=encoder_flops(shape.encoder, shape.decoder.width) / flops_a_second,
        prefill_s=prefill / flops_a_second,
        decode_s=max(arithmetic / flops_a_second, moved / bytes_a_second),
    )


def encoder_flops(shape: EncoderShape, decoder_width: int) -> float:
    """One chunk through the encoder and the projector."""
    frames, width = shape.frames, shape.width
    convolutions = 2 * 3 * (2 * frames * shape.mel_bins * width + frames * width**2)
    layer = 2 * frames * (4 * width**2 + 2 * width * shape.hidden) + 4 * frames**2 * width
    projector = 2 * shape.tokens * (shape.hidden * decoder_width + decoder_width**2)
    return float(convolutions + shape.layers * layer + projector)


def decoder_flops(shape: DecoderShape, rows: float, keys: float) -> float:
    """So many rows through the blocks, each against ``keys`` keys; without the head."""
    return 2 * rows * (decoder_weights(shape) - shape.width * shape.vocabulary) + 4 * rows * keys * shape.layers * (
        shape.heads * shape.head_dim
    )


def decoder_weights(shape: DecoderShape) -> int:
    """Numbers that a step reads: all blocks and the head."""
    attention = shape.width * (2 * shape.heads + 2 * shape.kv_heads) * shape.head_dim
    return shape.layers * (attention + 3 * shape.width * shape.hidden) + shape.width * shape.vocabulary
