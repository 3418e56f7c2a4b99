"""Many scenes, the same words: where they are, what was found in each, and how a run that was cut short goes on."""
