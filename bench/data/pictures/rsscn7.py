"""The reader of RSSCN7 (Q. Zou et al., 2015); `rsscn7.toml` declares its classes and folders."""

from bench.data.pictures.classed import reader

open_dataset, write_sample, prepare, verify = reader("rsscn7")
