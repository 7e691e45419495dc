"""The reader of WHU-RS19 (D. Dai, W. Yang, 2011); `whu-rs19.toml` declares its classes."""

from bench.data.pictures.classed import reader

open_dataset, write_sample, prepare, verify = reader("whu-rs19")
