"""Samples of media files, decoded in a child process that may crash, hang or grow without harm."""
