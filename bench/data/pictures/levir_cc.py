"""The reader of LEVIR-CC (C. Liu et al., IEEE TGRS 2022); `levir-cc.toml` declares its files."""

from bench.data.pictures.captioned import changed, reader

open_dataset, write_sample, prepare, verify = reader("levir-cc", changed)
