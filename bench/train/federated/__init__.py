"""Federated learning: clients that keep their samples, and a server that only sees weights.

`clients` says who holds what, `steps` what a client and the server do in a round, `rounds` repeats
that and keeps what a killed process needs, and `flower` runs clients on other machines.
"""
