"""How well the gate and the validator tell good translations from spoilt ones, on real Turkish and French."""
