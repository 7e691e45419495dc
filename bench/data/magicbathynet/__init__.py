"""MagicBathyNet: depth and seabed classes of shallow water."""
