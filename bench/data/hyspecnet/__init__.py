"""HySpecNet-11k: hyperspectral patches of EnMAP."""
