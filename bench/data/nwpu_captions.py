"""The reader of NWPU-Captions (Q. Cheng et al., 2022); `nwpu-captions.toml` declares its files."""

from bench.data.captioned import named_class, reader
from bench.data.formats.caption_lists import read_nwpu

open_dataset, write_sample, prepare, verify = reader("nwpu-captions", named_class, read_nwpu)
