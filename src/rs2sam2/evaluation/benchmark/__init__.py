"""Measuring a system on a split of a data set: run, resume, figures, slices, cases, report."""
