"""BigEarthNet v2.0 (reBEN) in its several layouts and subsets."""
