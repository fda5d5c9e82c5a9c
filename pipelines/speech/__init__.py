"""Where somebody speaks: shards, VAD, segments, windows."""
