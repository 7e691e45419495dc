"""PASTIS and PASTIS-R: panoptic segmentation of crops from time series."""
