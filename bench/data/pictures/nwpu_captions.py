"""The reader of NWPU-Captions (Q. Cheng et al., 2022); `nwpu-captions.toml` declares its files."""

from bench.data.formats.caption_lists import read_nwpu
from bench.data.pictures.captioned import named_class, reader

open_dataset, write_sample, prepare, verify = reader("nwpu-captions", named_class, read_nwpu)
