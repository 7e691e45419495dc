"""The reader of NWPU-RESISC45 (G. Cheng et al., 2017); `resisc45.toml` declares its classes."""

from bench.data.pictures.classed import reader

open_dataset, write_sample, prepare, verify = reader("resisc45")
