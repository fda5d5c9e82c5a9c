"""``voxtral benchmark``: the engines side by side on this machine, and how far each is from what the machine can do."""
