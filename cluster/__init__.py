"""The machines: what they have, what is derived from it, and what is reported about them."""
