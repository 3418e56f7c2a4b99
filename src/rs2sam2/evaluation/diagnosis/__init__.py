"""Diagnosing weights: do they listen, do they know what is absent, are they sure for a reason?"""
