"""The model on its accelerator: engines, prompts, features, checkpoints. No Ray, no files of the archive."""
