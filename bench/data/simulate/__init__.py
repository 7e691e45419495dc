"""Simulated scenes behind the sample track: landscapes, their seasons, and how sensors see them.

The numbers in this package are invented for plausibility, not measured. A sample dataset proves
that the harness works from end to end and separates better from worse models; it says nothing
about the world.

One truth per location serves every sensor: a `landscape.Landscape` never changes, `ground.Ground`
is what covers it on a date, and `optics` and `radar` look at that ground.
"""
