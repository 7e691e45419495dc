"""The reader of EuroSAT in RGB (P. Helber et al., 2019); `eurosat.toml` declares its classes."""

from bench.data.pictures.classed import reader

open_dataset, write_sample, prepare, verify = reader("eurosat")
