"""Decoded frames of any format become mono samples at 16 kHz, at their exact place in the medium.

:func:`mono` mixes a frame down, :class:`Track` resamples and places. A resampler's phase follows from the
absolute time alone: two tracks that begin at different frames of one medium give equal samples where both
have sound. It does not know packets, decoders or files.
"""

from __future__ import annotations

import math

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

RATE = 16_000
DRIFT_S = 0.05
"""Timestamps may wander by this much (containers round them, captures jitter) before a gap or an overlap is
believed.
"""

_MOST_PLANES = 8
"""From so many planes on PyAV 18 reads past the end of their list: such frames are interleaved first."""

_FULL_SCALE = {"u1": 128.0, "i2": 32768.0, "i4": 2147483648.0}
_WEIGHTS = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "FLC": 0.7071, "FRC": 0.7071, "LFE": 0.0, "LFE2": 0.0}
_SURROUND = 0.5


def mono(frame: AudioFrame) -> np.ndarray:
    """The frame's channels mixed to one: float32, shape (samples,). Dialogue sits in the centre, so that
    weighs most.
    """
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= _MOST_PLANES:
        frame = AudioResampler(frame.format.packed.name).resample(frame)[0]
    array = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, channels).T
    kind = array.dtype.str[1:]
    scale = _FULL_SCALE.get(kind, 1.0)
    if channels == 1:
        mixed = array[0].astype(np.float32)
    elif channels == 2:
        mixed = (array[0].astype(np.float32) + array[1]) * np.float32(0.5)
    else:
        mixed = _weights(frame) @ array.astype(np.float32)
    if kind == "u1":
        mixed = mixed - np.float32(128)
    if scale != 1.0:
        mixed = mixed / np.float32(scale)
    if kind[0] == "f" and not np.isfinite(mixed).all():
        mixed = np.nan_to_num(mixed, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.asarray(mixed, np.float32)


def _weights(frame: AudioFrame) -> np.ndarray:
    names = [channel.name for channel in frame.layout.channels]
    if not {"FC", "FL"} & set(names):  # no known layout: all alike
        return np.full(len(names), 1 / len(names), np.float32)
    weights = np.array([_WEIGHTS.get(name, _SURROUND) for name in names], np.float32)
    return np.asarray(weights / weights.sum(), np.float32)


class Track:
    """Sound at one sample rate on its way into ``out``: int16 samples at 16 kHz from sample ``first`` of the
    medium.

    ``end`` is the sample of the medium after the last one that was heard.
    """

    def __init__(self, rate: int, out: np.ndarray, first: int) -> None:
        self.rate = rate
        self._out, self._first = out, first
        self._unit = rate // math.gcd(rate, RATE)
        self._resampler = AudioResampler("s16", "mono", RATE) if rate != RATE else None
        self._pending: list[np.ndarray] = []
        self._pending_count = 0
        self._position: int | None = None  # native sample after the last one put
        self._written = 0  # sample of the medium after the last one resampled

    @property
    def end(self) -> int:
        return 0 if self._position is None else -(-self._position * RATE // self.rate)

    @property
    def end_s(self) -> float | None:
        return None if self._position is None else self._position / self.rate

    def put(self, samples: np.ndarray, time_s: float | None, drift_s: float = DRIFT_S) -> None:
        """Place native samples at a time, or after the last ones if it is None or differs by less than
        ``drift_s``.
        """
        if self._position is None:
            self._begin(round((time_s or 0.0) * self.rate))
        elif time_s is not None:
            missing = round(time_s * self.rate) - self._position
            if missing > drift_s * self.rate:
                self._push(np.zeros(missing, np.float32))
            elif missing < -drift_s * self.rate:
                samples = samples[-missing:]
        self._push(samples)

    def _begin(self, position: int) -> None:
        aligned = position // self._unit * self._unit  # where 16 kHz and native samples coincide
        self._position = aligned
        self._written = aligned // self._unit * (RATE * self._unit // self.rate)
        self._push(np.zeros(position - aligned, np.float32))

    def _push(self, samples: np.ndarray) -> None:
        if len(samples) == 0 or self._position is None:
            return
        self._position += len(samples)
        self._pending.append(samples)
        self._pending_count += len(samples)
        if self._pending_count >= self.rate:
            self._resample()

    def _resample(self) -> None:
        if not self._pending:
            return
        samples = np.concatenate(self._pending)
        self._pending, self._pending_count = [], 0
        if self._resampler is None:
            self._write(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16))
            return
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), "flt", "mono")
        frame.sample_rate = self.rate
        self._drain(self._resampler.resample(frame))

    def _drain(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._write(frame.to_ndarray()[0])

    def _write(self, samples: np.ndarray) -> None:
        begin = self._written - self._first
        self._written += len(samples)
        skip = max(0, -begin)
        room = min(len(samples), len(self._out) - begin)
        if skip < room:
            self._out[begin + skip : begin + room] = samples[skip:room]

    def finish(self) -> int:
        """Resample what is left; returns :attr:`end`."""
        self._resample()
        if self._resampler is not None and self._position is not None:
            try:
                self._drain(self._resampler.resample(None))
            except av.FFmpegError:  # a resampler that never got enough to begin
                return self.end
        return self.end
