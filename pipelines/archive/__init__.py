"""What is to be done: stores, inputs, and the manifest of an archive."""
