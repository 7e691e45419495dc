"""EuroSAT in all 13 bands of Sentinel-2."""
