"""The embedded checkpoint, a small Voxtral for tests and demos: its files, its recipe, and how good it is."""
