"""From a model's numbers to the thresholds that its users get: chosen on training data, never on what is measured."""
