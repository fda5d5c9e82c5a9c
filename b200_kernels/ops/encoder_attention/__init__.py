"""Attention of all frames over all frames, as Whisper's encoder has it."""
