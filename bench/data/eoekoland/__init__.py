"""EOekoLand: crop types from Sentinel-1 and Sentinel-2 time series."""
