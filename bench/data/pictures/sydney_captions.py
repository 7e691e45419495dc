"""The reader of Sydney-Captions (B. Qu et al., 2016); `sydney-captions.toml` declares its files."""

from bench.data.pictures.captioned import reader

open_dataset, write_sample, prepare, verify = reader("sydney-captions", lambda record: {})
