"""From texts to timed, readable cues and their files."""
