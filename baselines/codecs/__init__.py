"""Bitstreams for compression: the container, entropy coding and quantisation that codecs share."""
