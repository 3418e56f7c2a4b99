"""The model of figure 2, part by part.

Shape letters, in every file of this package:

    B  batch             S  image side, pixels            L  text tokens
    C  prompt width      U  union image side, pixels      D  union encoder width
    H, W  rows and columns of a feature map               N  tokens of a map or a prompt
"""
