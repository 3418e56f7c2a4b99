"""The model as graphs for other runtimes: written, compared with the model itself, and run."""
