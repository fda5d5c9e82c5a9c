"""Is this translation good, is this cue readable. No Ray, no model, no media."""
