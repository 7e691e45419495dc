"""The reader of RSITMD (Z. Yuan et al., IEEE TGRS 2022); `rsitmd.toml` declares its files."""

from bench.data.pictures.captioned import named_class, reader

open_dataset, write_sample, prepare, verify = reader("rsitmd", named_class)
