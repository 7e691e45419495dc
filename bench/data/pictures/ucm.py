"""The reader of UC Merced Land Use (Y. Yang, S. Newsam, 2010); `ucm.toml` declares its classes."""

from bench.data.pictures.classed import reader

open_dataset, write_sample, prepare, verify = reader("ucm")
