"""SSL4EO-S12: unlabelled locations in four seasons."""
