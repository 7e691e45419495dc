"""The reader of AID (G.-S. Xia et al., 2017); `aid.toml` declares its classes."""

from bench.data.pictures.classed import reader

open_dataset, write_sample, prepare, verify = reader("aid")
