"""A linear layer in float32 on a CPU's matrix tiles."""
