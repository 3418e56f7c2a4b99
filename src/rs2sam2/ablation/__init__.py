"""Ablation: every row of the paper's Tables 3 and 4 in small, trained alike, and their paired differences."""
