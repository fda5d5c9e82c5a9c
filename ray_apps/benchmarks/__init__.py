"""Measurements of the whole job; each writes its figures with ``--json FILE``."""
