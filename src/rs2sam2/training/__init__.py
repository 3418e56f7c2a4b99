"""Training with Lightning: the module, the data, the command line, and the way out into a weight folder."""
