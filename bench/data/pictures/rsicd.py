"""The reader of RSICD (X. Lu et al., IEEE TGRS 2018); `rsicd.toml` declares its files."""

from bench.data.pictures.captioned import named_class, reader

open_dataset, write_sample, prepare, verify = reader("rsicd", named_class)
