"""From media to windows of speech, and from texts to checked subtitles. No Ray, no engine."""
